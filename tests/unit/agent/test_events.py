"""Which Events a change of the situation makes, and what is in them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.events import Occurrence, occurrences, told_by
from envctl.agent.report import status_from
from envctl.agent.situation import Situation
from envctl.model.health import Assessment
from envctl.model.inventory import Accepted, InventoryEntry, inventory_of
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import Action, ObjectResult, Refusal
from envctl.model.status import EnvironmentStatus

KEY = ObjectId("", "ConfigMap", "ns", "a")
ENTRIES = [InventoryEntry(KEY, "web", "1")]
OLD = inventory_of(Accepted("1" * 40, "t", 7, "r"), ENTRIES)
NEW = inventory_of(Accepted("2" * 40, "t", 8, "r"), ENTRIES)
CALM = Situation(OLD, applied="1" * 40, health=Health.HEALTHY)
FAILED = ObjectResult(KEY, Action.FAILED, "the namespace 'ns'\ndoes not exist", "render it")
KEPT = Refusal("prune-never", str(KEY), "it says so", "remove the annotation")
SICK = {"web": Assessment(Health.DEGRADED, "Pod ns/web: the image cannot be pulled")}

CASES: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]] = {
    "a commit is seen": (
        {"inventory": NEW, "working": True},
        ["Normal CommitAccepted: 222222222222 (sequence 8) is the newest deploy commit"],
    ),
    "a commit is applied": ({"applied": "2" * 40}, ["Normal Applied: 222222222222 is applied: 1 objects"]),
    "a commit is refused": (
        {"refusal": "deploy/prod@3: it does not follow"},
        ["Warning CommitRefused: deploy/prod@3: it does not follow"],
    ),
    "an object failed": (
        {"failures": (FAILED,)},
        [
            "Warning ObjectFailed: ConfigMap ns/a: the namespace 'ns' does not exist (render it) [ConfigMap ns/a]"
        ],
    ),
    "many objects failed": (
        {"failures": tuple(replace(FAILED, reason=str(number), hint="") for number in range(500))},
        [
            *(f"Warning ObjectFailed: ConfigMap ns/a: {number} [ConfigMap ns/a]" for number in range(5)),
            "Warning ObjectsFailed: 500 objects failed; the status names the first",
        ],
    ),
    "drift is healed": (
        {"healed": 3, "last_healed": "ConfigMap ns/a (changed by kubectl)"},
        ["Normal DriftHealed: ConfigMap ns/a (changed by kubectl), and 2 more"],
    ),
    "a fight": (
        {"fights": ((KEY, "kubectl"),)},
        ["Warning Fought: kubectl keeps changing ConfigMap ns/a [ConfigMap ns/a]"],
    ),
    "drift is left as it is": (
        {"left": ((KEY, "changed by kubectl"),)},
        ["Warning Drifted: ConfigMap ns/a changed by kubectl; it is not healed [ConfigMap ns/a]"],
    ),
    "a prune is refused": (
        {"refused": (KEPT,)},
        ["Warning PruneRefused: ConfigMap ns/a: it says so [prune-never] (remove the annotation)"],
    ),
    "a reconcile ended early": ({"trouble": "no answer"}, ["Warning ReconcileFailed: no answer"]),
    "the branch cannot be read": ({"source_error": "no such host"}, ["Warning SourceFailed: no such host"]),
    "a component is sick": (
        {"components": SICK},
        ["Warning Degraded: component web: Pod ns/web: the image cannot be pulled"],
    ),
    "nothing": ({}, []),
}


def shown(found: Sequence[Occurrence]) -> list[str]:
    return [
        f"{each.type} {each.reason}: {each.note}" + (f" [{each.related}]" if each.related else "")
        for each in found
    ]


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_each_change_is_told_once(changes: Mapping[str, Any], expected: list[str]) -> None:
    """When it happens, and not while it lasts."""
    after = replace(CALM, **changes)
    assert shown(occurrences(CALM, after)) == expected
    assert occurrences(after, after) == ()


def test_a_component_that_is_well_again_is_told() -> None:
    """From Degraded to Healthy, and not what lies between."""
    sick = replace(CALM, components=SICK)
    fine = replace(CALM, components={"web": Assessment(Health.HEALTHY)})
    coming = replace(CALM, components={"web": Assessment(Health.PROGRESSING, "x")})
    assert shown(occurrences(sick, fine)) == ["Normal Recovered: component web is healthy again"]
    assert occurrences(coming, fine) == ()


def test_a_new_start_does_not_tell_again_what_the_status_tells() -> None:
    """What was accepted, applied, healed and refused stands in the status that was written before."""
    refusals = ("deploy/prod@3: no", "deploy/prod@3: " + "a file\nis too long; " * 100)
    for situation in (CALM, replace(CALM, healed=3), *(replace(CALM, refusal=each) for each in refusals)):
        status = status_from(situation, EnvironmentStatus(), "now", 1)
        assert occurrences(told_by(status), situation) == ()


@pytest.mark.parametrize("script", ["x", "\u00e9", "\u65e5", "\U0001f600", "\udcff"])
def test_a_note_in_any_script_is_short_enough(script: str) -> None:
    """Kubernetes counts bytes: a thousand letters of another script are up to four thousand."""
    (found,) = occurrences(CALM, replace(CALM, trouble=script * 2000))
    assert 900 < len(found.note.encode("utf-8", "surrogatepass")) <= 1000 or script == "\udcff"
    assert found.note.endswith("…")


@given(st.text(max_size=3000))
def test_a_note_is_one_line_that_the_server_takes(text: str) -> None:
    """Kubernetes takes 1024 bytes."""
    found = occurrences(CALM, replace(CALM, trouble=text, refusal=text, source_error=text))
    assert all(len(each.note.encode()) <= 1000 and "\n" not in each.note for each in found)


def test_thousands_of_failures_that_stay_cost_little() -> None:
    """Each report compares them with those of the last one: not each with each."""

    def many() -> Situation:
        failed = tuple(replace(FAILED, reason=str(number)) for number in range(20_000))
        kept = tuple(replace(KEPT, subject=str(number)) for number in range(20_000))
        return replace(CALM, failures=failed, refused=kept)

    before, now, start = many(), many(), time.process_time()
    assert occurrences(before, now) == ()
    assert time.process_time() - start < 5
