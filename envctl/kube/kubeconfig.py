"""Credentials from kubeconfig files, read by the kubernetes package.

Every kind of authentication that the package knows works: client certificates, tokens,
token files, exec plugins, OIDC. Impersonation (``as``) is added here, because leaving it
out, as the package does, would act with more rights than the file asks for. Messages never
quote the file: the package's own and the YAML parser's may hold credentials.
"""

import logging
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from envctl.errors import AccessError, InputError, UsageError
from envctl.kube.endpoint import Endpoint, Headers, header, server_url, tls_reason, trust

_MALFORMED = (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError)

_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Which files are read, and which of their contexts is meant (empty: the current one)."""

    files: tuple[Path, ...]
    context: str = ""

    @property
    def place(self) -> str:
        """The files, for messages."""
        return os.pathsep.join(str(path) for path in self.files)


def default_files(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files that kubectl would read: those of ``KUBECONFIG`` that exist, else ``~/.kube/config``."""
    named = environ.get("KUBECONFIG", "")
    candidates = named.split(os.pathsep) if named else ["~/.kube/config"]
    return tuple(path for path in (Path(text).expanduser() for text in candidates if text) if path.is_file())


def kubeconfig_endpoint(config: Kubeconfig) -> Endpoint:
    """The API server and identity of one context.

    Raises UsageError (unreadable file, unknown context), InputError (malformed file) and
    AccessError (a credential plugin failed, a certificate is unusable).
    """
    context = _context(config)
    origin = f"context {context.name!r} of {config.place}"
    # The package remembers its temporary files for all threads, and ours are gone after this.
    with _LOADING, tempfile.TemporaryDirectory(prefix="envctl-") as scratch:
        settings = _package_settings(config, context, scratch)
        parts = server_url(str(settings.host), config.place)
        tls = _tls(settings, origin) if parts.scheme == "https" else None
    return Endpoint(
        url=parts.geturl().rstrip("/"),
        origin=origin,
        headers=_Identity(settings, context.impersonation, origin).headers,
        tls=tls,
        server_name=str(getattr(settings, "tls_server_name", None) or ""),
        proxy=_proxy(settings, parts.geturl()),
    )


@dataclass(frozen=True, slots=True)
class _Context:
    """What of a context the package does not tell us."""

    name: str
    source: str  # what has to give credentials; empty where the file itself holds them
    impersonation: Headers


def _context(config: Kubeconfig) -> _Context:
    """Find the context and its user in the files; the first file that has an entry wins, as in kubectl."""
    contexts: dict[str, Mapping[str, Any]] = {}
    users: dict[str, Mapping[str, Any]] = {}
    current = ""
    for path in config.files:
        content = _parse(path)
        contexts = _named(content, "contexts", path) | contexts
        users = _named(content, "users", path) | users
        # The package lets the last file decide here, kubectl the first; the name is then passed on.
        current = current or str(content.get("current-context") or "")
    name = config.context or current
    if not name:
        raise UsageError("no context is chosen", place=config.place, hint=_choose(contexts))
    if name not in contexts:
        raise UsageError(f"there is no context {name!r}", place=config.place, hint=_choose(contexts))
    settings = contexts[name].get("context")
    user = settings.get("user") if isinstance(settings, Mapping) else None
    if user and str(user) not in users:
        raise InputError(f"context {name!r} names the user {user!r}, which is not there", place=config.place)
    fields = users[str(user)].get("user") if user else {}
    fields = fields if isinstance(fields, Mapping) else {}
    return _Context(name, _source(fields), _impersonation(fields, config.place))


def _source(user: Mapping[str, Any]) -> str:
    if "exec" in user:
        return "credential plugin"
    provider = user.get("auth-provider")
    return f"auth provider {provider.get('name')!r}" if isinstance(provider, Mapping) else ""


def _choose(contexts: Mapping[str, object]) -> str:
    if not contexts:
        return "it has none at all; name another file with --kubeconfig or KUBECONFIG"
    return f"name one with --context; known ones: {', '.join(sorted(contexts))}"


def _parse(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read the kubeconfig: {error.strerror}",
            place=str(path),
            hint="name another file with --kubeconfig or KUBECONFIG",
        ) from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"not a kubeconfig: {error.problem}", place=f"{path}{line}") from None
    except _MALFORMED:
        raise InputError("not a kubeconfig: the file is no YAML text", place=str(path)) from None
    if not isinstance(content, Mapping):
        raise InputError("not a kubeconfig: the file holds no mapping", place=str(path))
    return content


def _named(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Mapping[str, Any]]:
    entries = content.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise InputError(f"not a kubeconfig: {key} is no list of mappings", place=str(path))
    return {str(entry.get("name")): entry for entry in reversed(entries)}


def _impersonation(user: Mapping[str, Any], place: str) -> Headers:
    groups = user.get("as-groups") or []
    extra = user.get("as-user-extra") or {}
    if not isinstance(groups, list) or not isinstance(extra, Mapping):
        raise InputError("as-groups must be a list and as-user-extra a mapping", place=place)
    wanted = [("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))]
    wanted += [("Impersonate-Group", group) for group in groups]
    for key, values in extra.items():
        if not isinstance(values, list) or not re.fullmatch(r"[A-Za-z0-9._~/%-]+", str(key)):
            raise InputError("as-user-extra must map plain keys to lists", place=place)
        wanted += [(f"Impersonate-Extra-{str(key).replace('/', '%2F')}", value) for value in values]
    return sum((header(name, str(value), place) for name, value in wanted if value), ())


def _package_settings(config: Kubeconfig, context: _Context, scratch: str) -> Any:
    """The package's Configuration. Key files that it writes live in `scratch`, not longer than needed."""
    # In-function because it costs some 50 MB: neither the agent in a pod nor --help pays for it.
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415

    settings = Configuration()
    try:
        with _plugin_errors() as failures:
            load_kube_config(  # type: ignore[no-untyped-call]
                config.place, context.name, client_configuration=settings, temp_file_path=scratch
            )
    except ConfigException as error:
        raise InputError(_words(error), place=config.place) from None
    except (OSError, *_MALFORMED) as error:
        reason = error.strerror if isinstance(error, OSError) else "one of its values is malformed"
        raise InputError(f"the kubeconfig cannot be used: {reason}", place=config.place) from None
    settings.proxy = settings.proxy  # settles it, or each refresh would search the environment again
    if context.source and not settings.api_key and not settings.cert_file:
        raise AccessError(
            f"the {context.source} of context {context.name!r} {_failure(failures)}",
            place=config.place,
            hint="log in with the tool that it belongs to, then try again",
        )
    return settings


def _failure(logged: list[str]) -> str:
    return f"failed: {logged[0]}" if logged else "gave no credentials"


def _words(error: Exception) -> str:
    """Our words for the package's complaint, because its own may quote a whole entry, token included."""
    text = str(error)
    missing = re.match(r"Invalid kube-config file. Expected key ([\w-]+) in", text)
    if missing:
        return f"the kubeconfig misses the key {missing.group(1)!r}"
    absent = re.match(
        r"Invalid kube-config file. Expected object with name (.+) in .*(clusters|users) list", text
    )
    if absent:
        return f"the kubeconfig has no entry {absent.group(1)!r} in {absent.group(2)}"
    if text.startswith("File does not exist: "):
        return (
            f"the kubeconfig names a file that does not exist: {text.removeprefix('File does not exist: ')}"
        )
    return "the kubeconfig cannot be used"


@contextmanager
def _plugin_errors() -> Iterator[list[str]]:
    """Collect what the package logs: a failing plugin is an error there that only the log tells."""
    failures: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.module == "kube_config":
                failures.append(" ".join(record.getMessage().split())[:300])

    root, collector = logging.getLogger(), Collect()
    root.addHandler(collector)
    try:
        yield failures
    finally:
        root.removeHandler(collector)


def _tls(settings: Any, origin: str) -> Any:
    client = (settings.cert_file, settings.key_file) if settings.cert_file else None
    try:
        return trust(settings.ssl_ca_cert or "", verify=bool(settings.verify_ssl), client=client)
    except OSError as error:
        raise AccessError(
            f"the certificates of {origin} are unusable: {tls_reason(error)}",
            hint="renew the client certificate, its key or the CA in that file",
        ) from None


class _Identity:
    """The headers of each request; the package renews tokens in its hook when they are about to expire."""

    def __init__(self, settings: Any, impersonation: Headers, origin: str) -> None:
        self._settings = settings
        self._impersonation = impersonation
        self._origin = origin
        self._lock = threading.Lock()

    def headers(self) -> Headers:
        with self._lock:
            value = self._settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        own = header("Authorization", value.strip(), self._origin) if value else ()
        return own + self._impersonation


def _proxy(settings: Any, url: str) -> str:
    # In-function for the same reason as above; the rules of NO_PROXY are the package's.
    from kubernetes.client.rest import should_bypass_proxies  # noqa: PLC0415

    proxy = str(settings.proxy or "")
    if not proxy or should_bypass_proxies(url, settings.no_proxy or ""):
        return ""
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname:
        raise InputError(
            f"a proxy of the kind {parts.scheme or 'unknown'!r} cannot be used",
            hint="name an http:// proxy in HTTPS_PROXY, or set NO_PROXY for this API server",
        )
    return proxy
