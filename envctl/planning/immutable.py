"""Whether a refusal says that a field cannot be changed, and nothing else.

On its word an object may be deleted and created again, so everything in doubt is a no: each cause must
name a field, and its message must be one of those with which the API server's own validation says so.
"""

import re
from typing import Final

from envctl.errors import ClusterError

_UNPROCESSABLE, _INVALID = 422, "Invalid"
_VALUE: Final = r"(?:Invalid value: .*: |Forbidden: )?"
_SAYINGS: Final = (
    # Also what authors of custom kinds write in their rules: "value is immutable", "spec.size is immutable".
    r"[\w.`'\[\] -]*\bimmutable(?: once set| after creation)?[.!]?",
    r"field is immutable when `immutable` is set",
    r"cannot change roleRef",
    r"updates to [\w. ]+ are forbidden\.?",
    r"updates to \w+ spec for fields other than .* are forbidden",
    r"may not be changed in an update\.?",
    r"may not change once set",
    r"spec is immutable after creation except .*",
)
_IMMUTABLE: Final = re.compile(f"{_VALUE}(?:{'|'.join(_SAYINGS)})", re.DOTALL)
_TAKEN: Final = re.compile(r"Invalid value: .*: provided (?:IP|port) is already allocated", re.DOTALL)


def is_immutable(error: ClusterError) -> bool:
    """Whether an apply was refused only because fields of the live object cannot be changed."""
    return _all_say(error, _IMMUTABLE)


def is_only_taken(error: ClusterError) -> bool:
    """Whether another name was refused only because the live object holds an address or port."""
    return _all_say(error, _TAKEN)


def _all_say(error: ClusterError, saying: re.Pattern[str]) -> bool:
    return (
        error.status == _UNPROCESSABLE
        and error.reason == _INVALID
        and bool(error.causes)
        and all(field and saying.fullmatch(message) for field, message in error.causes)
    )
