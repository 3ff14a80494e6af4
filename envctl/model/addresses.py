"""Addresses of repositories, as they may be shown to everybody."""

import re
from typing import Final

# Of https all of it: a token is often given as the name. The name for ssh is no secret.
_OF_HTTP: Final = re.compile(r"^(https?://)[^/\s]*@", re.IGNORECASE)
_PASSWORD: Final = re.compile(r"^([a-z0-9+.-]+://[^/:@\s]*):[^/\s]*@", re.IGNORECASE)


def public(address: str) -> str:
    """An address without a password or token in it."""
    return _PASSWORD.sub(r"\1@", _OF_HTTP.sub(r"\1", address))
