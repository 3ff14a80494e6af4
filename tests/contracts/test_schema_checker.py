"""Checks with schemas that somebody else wrote: the same findings as in this process, within limits."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from envctl.config.schema import misfits
from envctl.errors import InputError
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
        f"{PATH}: type is not valid JSON Schema: 'strin' is not valid under any of the given schemas"
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


def test_no_process_is_started_before_a_check_needs_it() -> None:
    """Making and closing a checker costs nothing."""
    made = ProcessSchemaChecker(LIMITS)
    made.close()
    assert not made.started
