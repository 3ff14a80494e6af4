"""Checks with schemas that somebody else wrote: the same findings as in this process, within limits."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from envctl.config.schema import misfits
from envctl.config.validation import MAX_FINDINGS
from envctl.errors import InputError, UnavailableError
from envctl.schemacheck.checker import CheckLimits, ProcessSchemaChecker

PATH = "schemas/web.schema.json"
LIMITS = CheckLimits(seconds=2, memory=256 * 1024 * 1024)
SLOW = {"properties": {"host": {"pattern": "^(a+)+$"}}}
HINT = (
    "hint: look for a pattern with one repetition inside another, like (a+)+, or a $ref that multiplies itself; "
    "or raise evaluation.{} in envctl.yaml"
)


@pytest.fixture
def checker() -> Iterator[ProcessSchemaChecker]:
    made = ProcessSchemaChecker(LIMITS)
    yield made
    made.close()


def check(checker: ProcessSchemaChecker, schema: Any, config: Any, key: str = "web in dev") -> Any:
    return checker.check(config, json.dumps(schema).encode(), PATH, key)


def refusal(checker: ProcessSchemaChecker, schema: Any, config: Any, key: str = "web in dev") -> str:
    with pytest.raises(InputError) as caught:
        check(checker, schema, config, key)
    return str(caught.value)


def test_the_process_finds_what_this_one_finds(checker: ProcessSchemaChecker) -> None:
    """Paths, reasons, hints and missing keys come over whole, many times from one process."""
    schema = {"required": ["é"], "properties": {"a": {"items": {"type": "integer"}}}}
    for config in ({"a": ["3"]}, {"é": 1}, {"a": [1, None]}, []):
        assert check(checker, schema, config) == misfits(config, json.dumps(schema).encode(), PATH)


def test_a_broken_schema_is_an_error_of_the_schema(checker: ProcessSchemaChecker) -> None:
    """With its place; the process goes on."""
    assert refusal(checker, {"type": "strin"}, {}) == (
        f'{PATH}: type: must be "array", "boolean", "integer", "null", "number", "object" or "string", is the text "strin"\n'
        "hint: did you mean `string`?"
    )
    assert check(checker, {}, {}) == ()


def exploding(levels: int) -> Any:
    """Two to the power of `levels` checks of one value."""
    defs: dict[str, Any] = {
        f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}, {"$ref": f"#/$defs/d{at + 1}"}]}
        for at in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {"minimum": 0, "not": {"const": 1}}}}


@pytest.mark.parametrize(
    ("schema", "config"),
    [
        pytest.param(SLOW, {"host": "a" * 60 + "!"}, id="pattern"),
        pytest.param(exploding(40), 2, id="references"),
    ],
)
def test_a_check_that_does_not_end_is_stopped(
    checker: ProcessSchemaChecker, schema: Any, config: Any
) -> None:
    """The error names component, environment and schema; the next environment does not wait again."""
    assert refusal(checker, schema, config) == (
        f"{PATH}: the config of web in dev could not be checked: stopped after 2 s\n{HINT.format('seconds')}"
    )
    start = time.monotonic()
    assert refusal(checker, schema, config, "web in prod") == (
        f"{PATH}: the config of web in prod was not checked: {PATH} had to be stopped for web in dev\n"
        f"{HINT.format('seconds')}"
    )
    assert time.monotonic() - start < LIMITS.seconds
    assert check(checker, {}, {}) == ()


def test_a_stopped_check_says_nothing_of_another_config(checker: ProcessSchemaChecker) -> None:
    """So what becomes of one environment does not depend on which others are rendered."""
    schema = {"pattern": "^((a+)+|b)$"}
    assert "stopped after" in refusal(checker, schema, "a" * 41 + "!")
    assert check(checker, schema, "b") == ()


def test_no_process_is_started_before_a_check_needs_it() -> None:
    """Making and closing a checker costs nothing."""
    made = ProcessSchemaChecker(LIMITS)
    made.close()
    assert not made.started


def test_a_check_that_needs_too_much_memory_is_stopped() -> None:
    """Named with the limit, once; the next check has a process again."""
    checker = ProcessSchemaChecker(CheckLimits(seconds=60, memory=16 * 1024 * 1024))
    big = {"anyOf": [{"type": "integer"}] * 1000}
    assert refusal(checker, big, "x" * 1024 * 1024) == (
        f"{PATH}: the config of web in dev could not be checked: out of memory (limit 16 MiB)\n"
        f"{HINT.format('memory')}"
    )
    assert "was not checked" in refusal(checker, big, "x" * 1024 * 1024, "web in prod")
    assert check(checker, {"minimum": 2}, 1) == misfits(1, b'{"minimum": 2}', PATH)
    checker.close()


def test_no_more_findings_come_over_than_people_read(checker: ProcessSchemaChecker) -> None:
    """Two hundred, and the word that there are more; at two hundred there is no such word."""
    schema = {"items": {"type": "string"}}
    more = f"there are more problems than the {MAX_FINDINGS} that are told"
    for number, last in ((MAX_FINDINGS, "must be text, is 199"), (MAX_FINDINGS + 1, more)):
        found = check(checker, schema, list(range(number)))
        assert (len(found), found[-1].reason) == (number, last)


def pids() -> list[int]:
    """The checkers that this process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # gone meanwhile
        if parent == os.getpid() and b"schemacheck/worker.py" in words:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_was_killed_between_two_checks_is_replaced(checker: ProcessSchemaChecker) -> None:
    """Nobody notices."""
    assert check(checker, {}, {}) == ()
    (first,) = pids()
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert check(checker, {"minimum": 2}, 1) == misfits(1, b'{"minimum": 2}', PATH)
    assert pids() != [first]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_during_a_check_is_told(number: signal.Signals) -> None:
    """As what it is, and the schema may be tried again."""
    checker = ProcessSchemaChecker(CheckLimits(seconds=60))
    assert check(checker, {}, {}) == ()
    (first,) = pids()
    timer = threading.Timer(0.3, os.kill, (first, number))
    timer.start()
    with pytest.raises(UnavailableError) as caught:
        check(checker, SLOW, {"host": "a" * 60 + "!"})
    timer.join()
    assert str(caught.value) == (
        f"{PATH}: the config of web in dev could not be checked: its process was killed from outside\n"
        "hint: the machine may be out of memory"
    )
    assert check(checker, SLOW, {"host": "aaa"}, "web in prod") == ()
    checker.close()
    assert pids() == []
