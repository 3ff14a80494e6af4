"""Where an API server is and how to prove who we are, whatever the source of that knowledge.

An `Endpoint` is a snapshot. When the server refuses the credentials, or its certificate is
not trusted any more, the transport asks the source for a new one (`Load`), so rotated
tokens, certificates and CA bundles are picked up without a restart.
"""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from envctl.errors import AccessError, InputError

Headers: TypeAlias = tuple[tuple[str, str], ...]

_COORDINATES = re.compile(r" \(_ssl\.c:\d+\)$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API server as one identity sees it.

    `url` has no trailing slash. `origin` says in messages where the credentials come from.
    `headers` is called for each request and must be cheap; it may be called from many threads.
    `tls` is None for plain HTTP. `server_name`, where set, replaces the host name for SNI and
    the certificate check. `proxy` is the URL of an HTTP proxy, empty for none.
    """

    url: str
    origin: str
    headers: Callable[[], Headers]
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    proxy: str = ""


Load: TypeAlias = Callable[[], Endpoint]


def trust(
    cafile: str = "", *, cadata: str = "", verify: bool = True, client: tuple[str, str] | None = None
) -> ssl.SSLContext:
    """TLS settings for an API server. Raises OSError (ssl.SSLError too) where a file is unusable."""
    context = ssl.create_default_context(cafile=cafile or None, cadata=cadata or None)
    # Go, and so kubectl, accepts cluster CAs without the key identifiers that Python 3.13 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client is not None:
        context.load_cert_chain(*client)
    return context


def tls_reason(error: OSError) -> str:
    """Why `trust` failed, without the TLS library's own coordinates."""
    library = error.reason if isinstance(error, ssl.SSLError) else ""
    text = library.replace("_", " ").lower() if library else error.strerror or str(error)
    return _COORDINATES.sub("", text)


def server_url(text: str, place: str) -> SplitResult:
    """The parts of an API server's address. Raises InputError for anything but http(s)://host[:port][/path]."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    plain = parts.scheme in ("http", "https") and parts.hostname and port != 0
    if not plain or parts.username is not None or parts.query or parts.fragment or not text.isascii():
        raise InputError(
            "the address of the API server is not of the form https://host:port",
            place=place,
            hint="correct `server` of the cluster in that file",
        )
    return parts


def bearer(token: str, origin: str) -> Headers:
    """The header for a bearer token. Raises AccessError where no header can carry it; never shows it."""
    return header("Authorization", f"Bearer {token.strip()}", origin) if token.strip() else ()


def header(name: str, value: str, origin: str) -> Headers:
    """One header, checked so that it cannot smuggle in another one."""
    if not value.isascii() or not value.isprintable():
        raise AccessError(
            f"the credentials of {origin} hold characters that no HTTP header can carry",
            hint="write them again; a line break inside a token is the usual reason",
        )
    return ((name, value),)
