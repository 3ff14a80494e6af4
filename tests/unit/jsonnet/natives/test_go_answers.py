"""What Go itself answered: ``go.jsonl`` was written by a Go program with yaml.v3 3.0.1 and regexp."""

import json
from pathlib import Path
from typing import Any

import pytest

from envctl.jsonnet import natives
from envctl.jsonnet.worker import NATIVES

NAMES = {"yaml": "manifestYamlFromJson", "parse": "parseYaml", "subst": "regexSubst"}
ANSWERS = [json.loads(line) for line in Path(__file__).with_name("go.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        pytest.param(each["call"], each.get("ok"), id=str(each["call"])[:60])
        for each in ANSWERS
        if "ok" in each
    ],
)
def test_a_native_answers_as_go_does(call: list[Any], answer: Any) -> None:
    """Byte for byte, or value for value."""
    name = NAMES[call[0]]
    assert natives.call(name, NATIVES[name], tuple(call[1:])) == answer


@pytest.mark.parametrize("call", [each["call"] for each in ANSWERS if "err" in each])
def test_what_go_refuses_is_refused(call: list[Any]) -> None:
    """With the name of the argument."""
    name = NAMES[call[0]]
    with pytest.raises(natives.NativeError, match=r"^the argument \w+ "):
        natives.call(name, NATIVES[name], tuple(call[1:]))
