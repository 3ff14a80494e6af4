"""``freeze.yaml`` and ``suspend.yaml`` ↔ `Pause`."""

import json
import re
from typing import Final

from envctl.config.reading import content, read_checked
from envctl.errors import InputError
from envctl.model.gates import Pause
from envctl.model.times import parse_time, time_text

KINDS: Final = ("freeze", "suspend")
# What a reader of YAML may not find as it is in a file, though JSON lets it stand.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def parse_pause(data: bytes, path: str) -> Pause:
    """A pause in a file, whose name tells its kind. Raises InputError with every problem."""
    kind = path.rpartition("/")[2].removesuffix(".yaml")
    document = read_checked(data, path, kind)
    value = content(document)
    until, place = parse_time(value["until"]), document.place(("until",))
    if until is None:
        raise InputError(f"until: {value['until']} is no date and time of the calendar", place=place)
    return Pause(kind, until, value["reason"], value.get("by", ""), place)


def pause_text(pause: Pause) -> bytes:
    """The file of a pause, as `parse_pause` reads it. Raises ValueError for a time without a date."""
    values = {"until": time_text(pause.until), "reason": pause.reason, "by": pause.by}
    lines = [f"# Written by `envctl {pause.kind}`; removed by `envctl resume`."]
    lines += [f"{key}: {_quoted(value)}" for key, value in values.items() if value]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
