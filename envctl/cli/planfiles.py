"""Plan files on disk: read, and written in one step."""

import json
import os
import sys
from pathlib import Path

from envctl.delivery.plan import PlanFile, parse_plan, plan_data
from envctl.errors import InputError

_LARGEST = 16 << 20  # bytes


def read_plan(path: Path) -> PlanFile:
    """A plan from a file, or from standard input for ``-``. Raises InputError where it is none."""
    try:
        if str(path) == "-":
            return parse_plan(sys.stdin.buffer.read(_LARGEST), "standard input")
        if not path.is_file():
            raise InputError("there is no such file", place=str(path))
        with path.open("rb") as file:
            return parse_plan(file.read(_LARGEST), str(path))
    except OSError as error:
        raise InputError(f"the plan cannot be read: {error.strerror}", place=str(path)) from error


def write_plan(path: Path, file: PlanFile) -> None:
    """Write a plan over the file it came from, in one step; what else that file held stays."""
    document = json.loads(path.read_bytes())
    inner = plan_data(file)
    if isinstance(document.get("plan"), dict):
        inner = {**document, "plan": inner}
    scratch = path.with_name(f".{path.name}.envctl-{os.getpid()}")
    try:
        scratch.write_text(json.dumps(inner, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise InputError(f"the plan cannot be written: {error.strerror}", place=str(path)) from error
