"""The score against a file of objects with the health that another tool gives them.

The file is not part of this repository: name it in ENVCTL_HEALTH_CASES.
"""

import json
import os
from pathlib import Path

import pytest

from envctl.health.rules import assess
from envctl.wiring import health_rules

CASES = Path(os.environ.get("ENVCTL_HEALTH_CASES", "/nonexistent"))


@pytest.mark.skipif(not CASES.is_file(), reason="ENVCTL_HEALTH_CASES names no file of cases")
def test_every_case_of_a_built_in_kind_agrees() -> None:
    """All built-in cases, and all of the kinds that have rules here; the disagreements are named."""
    rules, wrong = health_rules(), []
    for line in CASES.read_text().splitlines():
        case = json.loads(line)
        if case["id"].startswith("builtin") or rules.of(case["group"], case["kind"]):
            found = assess(rules, case["object"])
            if found.health != case["expect"]["status"]:
                wrong.append((case["id"], case["expect"]["status"], found))
    assert wrong == []
