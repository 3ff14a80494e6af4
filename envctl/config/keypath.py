"""How the way to a value is written in messages: ``components[1].config["a.b"]``."""

import json
import re

from envctl.model.environment import KeyPath

_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def key_text(path: KeyPath) -> str:
    """A path as text, empty for the document itself."""
    return "".join(_step(step) for step in path).removeprefix(".")


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _BARE.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=False)}]"
