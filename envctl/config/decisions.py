"""What an environment's file decides about promotions, apart from what the environment is made of.

A rollback restores what an environment was made of. Who may promote to it, and what it refuses, was
decided by people since, and stays.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from envctl.config.environment import parse_environment
from envctl.errors import InputError
from envctl.model.environment import EnvironmentFile
from envctl.model.gates import GatesFile

_KEYS = ("gates", "promotesFrom", "refuse")
_TOP = re.compile(r"(?P<key>[A-Za-z]\w*|\"[^\"]*\"|'[^']*') *:")


def without_decisions(data: bytes, path: str) -> EnvironmentFile:
    """An environment's file without them. Raises InputError where it cannot be read."""
    return replace(parse_environment(data, path), gates=GatesFile(), promotes_from=None, refuse=None)


def with_decisions(then: bytes, now: bytes, path: str) -> bytes | None:
    """The file as it was `then`, with the decisions of `now`; None where that cannot be told line by line.

    The result is read again: it is what was meant, or it is not handed on.
    """
    old, new = then.decode("utf-8").splitlines(), now.decode("utf-8").splitlines()
    kept = [line for key, block in _blocks(old) if key not in _KEYS for line in block]
    taken = [line for key, block in _blocks(new) if key in _KEYS for line in block]
    text = ("\n".join([*kept, *taken]) + "\n").encode()
    wanted = parse_environment(now, path)
    try:
        found = parse_environment(text, path)
        meant = (wanted.gates, wanted.promotes_from, wanted.refuse)
        same = without_decisions(text, path) == without_decisions(then, path)
    except InputError:
        return None
    return text if same and (found.gates, found.promotes_from, found.refuse) == meant else None


def _blocks(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The lines of each key at the top, with the comments directly above it; "" for what comes before."""
    found: list[tuple[str, list[str]]] = [("", [])]
    above: list[str] = []
    for line in lines:
        match = _TOP.match(line)
        if match:
            found.append((match["key"].strip("'\""), [*above, line]))
            above = []
        elif line.startswith("#"):
            above.append(line)
        else:
            found[-1][1].extend([*above, line])
            above = []
    found[-1][1].extend(above)
    return found
