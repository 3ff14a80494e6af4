"""Paths into a JSON value as messages show them: ``$.spec.containers[0]["odd key"]``."""

import json
import re

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN = 300  # label keys are never longer, so only nonsense is cut


def field(path: str, key: str) -> str:
    """The path of a mapping's field."""
    shown = key if len(key) <= _SHOWN else key[:_SHOWN] + "..."
    return f"{path}.{shown}" if _SIMPLE.fullmatch(shown) else f"{path}[{json.dumps(shown)}]"


def item(path: str, index: int) -> str:
    """The path of a list's item."""
    return f"{path}[{index}]"
