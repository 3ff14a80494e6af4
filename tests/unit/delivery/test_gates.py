"""The gates of a promotion: each says no for what it does not know, and says how to pass."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.delivery.gates import Refusal, refusals
from envctl.errors import Problem
from envctl.model.gates import Facts, Gates, Pause, Window
from envctl.model.observed import ComponentHealth, Health, Observed

NOON = 1767355200  # 2026-01-02T12:00:00Z, a Friday
REVISION = "a" * 40
OTHER = "b" * 40
HEALTHY = Observed("staging", REVISION, 7, Health.HEALTHY, NOON - 3600, NOON)
GOOD = Facts(
    at=NOON,
    source="staging",
    target="prod",
    promotes_from=("staging",),
    deploy_commit=REVISION,
    observed=HEALTHY,
    approvals=("Bob <bob@example.com>", "Cyd <cyd@example.com>"),
    promoter="Ann <ann@example.com>",
    seen=NOON - 60,
)
WEEKEND = Window(
    "FREQ=WEEKLY;BYDAY=FR", "2026-01-02T13:00", 3 * 86400, "Europe/Zurich", "weekend", "environments/e.yaml:9"
)
ALL = Gates(health=True, soak=1800, approvals=2, places={"approvals": "environments/base/environment.yaml:5"})
FORCE = "or override it on the record with --force --reason TEXT"
STATUS = "refs/envctl/status/staging"
AGENT = f"fetch it (git fetch origin +{STATUS}:{STATUS}), see that its agent runs and may push it, {FORCE}"
PLAN = (
    "write the plan (envctl promote staging prod --dry-run -o json > plan.json), "
    "have it approved by others (envctl approve plan.json), and apply it: envctl promote --plan plan.json"
)


def frozen(until: int = NOON + 60, kind: str = "freeze") -> Pause:
    return Pause(kind, until, "end of the quarter", "Bob", f"environments/prod/{kind}.yaml")


def both(reason: str, hint: str) -> list[Refusal]:
    return [Refusal("health", STATUS, reason, hint), Refusal("soak", STATUS, reason, hint)]


CASES: dict[str, tuple[Gates, dict[str, Any], list[Refusal]]] = {
    # gates, what is different, and what they say
    "all is well": (ALL, {}, []),
    "no gates, and no status": (Gates(), {"observed": None, "approvals": (), "promoter": ""}, []),
    "the wrong way": (
        Gates(),
        {"promotes_from": ("dev",)},
        [
            Refusal(
                "direction",
                "environments/prod/environment.yaml",
                "prod is promoted from dev, not from staging",
                "promote from dev, or change promotesFrom in a reviewed commit",
            )
        ],
    ),
    "nowhere": (
        Gates(),
        {"promotes_from": ()},
        [
            Refusal(
                "direction",
                "environments/prod/environment.yaml",
                "prod is promoted from nowhere, not from staging",
                "promote from nowhere, or change promotesFrom in a reviewed commit",
            )
        ],
    ),
    "edited by hand": (
        Gates(),
        {"problems": ("web/x.yaml", "Envctl-Sequence is 9, expected 3", "c", "d")},
        [
            Refusal(
                "verified",
                "deploy/staging",
                "the branch is not what its source renders to: web/x.yaml, Envctl-Sequence is 9, expected 3, c",
                "see envctl verify staging, then publish it again",
            )
        ],
    ),
    "no status": (
        ALL,
        {"observed": None},
        both("no status of staging is here, so its health is not known", AGENT),
    ),
    "a status that is not one": (
        ALL,
        {"observed": HEALTHY, "unreadable": "status.json: not JSON"},
        both("the status of staging cannot be read: status.json: not JSON", AGENT),
    ),
    "another environment's status": (
        ALL,
        {"observed": replace(HEALTHY, environment="dev")},
        both("the status is one of dev, not of staging", AGENT),
    ),
    "the agent has not come so far": (
        ALL,
        {"observed": replace(HEALTHY, revision=OTHER)},
        both(
            "observed in staging is bbbbbbbbbbbb (Healthy), and not the published aaaaaaaaaaaa",
            "wait for the agent, or promote exactly what was observed: "
            "envctl promote staging@bbbbbbbbbbbb prod",
        ),
    ),
    "what the agent has come to is ill": (
        ALL,
        {"observed": replace(HEALTHY, revision=OTHER, health=Health.DEGRADED)},
        both(
            "observed in staging is bbbbbbbbbbbb (Degraded), and not the published aaaaaaaaaaaa",
            f"wait for the agent, or {AGENT}",
        ),
    ),
    "nothing is published": (
        ALL,
        {"deploy_commit": "", "observed": replace(HEALTHY, revision="")},
        both(
            "observed in staging is  (Healthy), and not the published revision",
            f"wait for the agent, or {AGENT}",
        ),
    ),
    "a component is ill": (
        ALL,
        {
            "observed": replace(
                HEALTHY,
                health=Health.DEGRADED,
                components={
                    "api": ComponentHealth(Health.HEALTHY, 1),
                    "web": ComponentHealth(Health.DEGRADED, 1),
                },
            )
        },
        both(
            "staging at aaaaaaaaaaaa is Degraded (not healthy: web)",
            f"wait until it is Healthy (envctl status staging), {FORCE}",
        ),
    ),
    "a health that nobody knows": (
        Gates(health=True),
        {"observed": replace(HEALTHY, health="healthy")},
        both(
            "staging at aaaaaaaaaaaa is healthy",
            f"wait until it is Healthy (envctl status staging), {FORCE}",
        )[:1],
    ),
    "healthy for one second too little": (
        Gates(soak=3601),
        {},
        [
            Refusal(
                "soak",
                STATUS,
                "staging at aaaaaaaaaaaa is healthy for 1h, 1h1s are wanted",
                f"promote again from 2026-01-02T12:00:01Z on, {FORCE}",
            )
        ],
    ),
    "healthy for exactly as long": (Gates(soak=3600), {}, []),
    "one approval is the promoter's own": (
        ALL,
        {"approvals": ("Bob <bob@example.com>", "Ann at work <ANN@Example.com>")},
        [
            Refusal(
                "approvals",
                "environments/base/environment.yaml:5",
                "1 of 2 people other than the promoter have approved (by Bob <bob@example.com>)",
                PLAN,
            )
        ],
    ),
    "one person twice": (
        Gates(approvals=2),
        {"approvals": ("Bob <bob@example.com>", "Robert <Bob@Example.COM>", "nobody", "Eve <>")},
        [
            Refusal(
                "approvals",
                "environments/prod/environment.yaml",
                "1 of 2 people other than the promoter have approved (by Robert <Bob@Example.COM>)",
                PLAN,
            )
        ],
    ),
    "nobody approved": (
        Gates(approvals=1),
        {"approvals": ()},
        [
            Refusal(
                "approvals",
                "environments/prod/environment.yaml",
                "0 of 1 people other than the promoter have approved",
                PLAN,
            )
        ],
    ),
    "nobody knows who promotes": (
        Gates(approvals=1),
        {"promoter": "Ann"},
        [
            Refusal(
                "approvals",
                "environments/prod/environment.yaml",
                "it is not known who promotes, so nobody else can be told from them",
                PLAN,
            )
        ],
    ),
    "frozen": (
        Gates(),
        {"pauses": (frozen(),)},
        [
            Refusal(
                "freeze",
                "environments/prod/freeze.yaml",
                "prod is frozen until 2026-01-02T12:01:00Z: end of the quarter (by Bob)",
                f"wait, or end it: envctl resume prod --reason TEXT; {FORCE}",
            )
        ],
    ),
    "frozen until now": (Gates(), {"pauses": (frozen(NOON),)}, []),
    "suspended": (
        Gates(),
        {"pauses": (frozen(kind="suspend"),)},
        [
            Refusal(
                "suspend",
                "environments/prod/suspend.yaml",
                "prod is suspended until 2026-01-02T12:01:00Z: end of the quarter (by Bob)",
                "wait, or end it: envctl resume prod --reason TEXT",
            )
        ],
    ),
    "a window is open": (
        Gates(windows=(WEEKEND,)),
        {},
        [
            Refusal(
                "window",
                "environments/e.yaml:9",
                "nothing is promoted to prod until 2026-01-05T13:00:00+01:00 (Europe/Zurich): weekend",
                f"wait until then, {FORCE}",
            )
        ],
    ),
    "a window is not open yet": (Gates(windows=(WEEKEND,)), {"at": NOON - 1, "seen": 0}, []),
    "a window that nobody can judge": (
        Gates(windows=(replace(WEEKEND, timezone="Mars/Olympus"),)),
        {},
        [
            Refusal(
                "window",
                "environments/prod/environment.yaml",
                "the windows cannot be judged: there is no time zone Mars/Olympus",
                f"correct them, {FORCE}",
            )
        ],
    ),
}


@pytest.mark.parametrize(("gates", "changes", "expected"), CASES.values(), ids=CASES)
def test_gates_say_no_with_the_reason_and_the_way_through(
    gates: Gates, changes: dict[str, Any], expected: list[Refusal]
) -> None:
    """Whole refusals, in order."""
    assert list(refusals(gates, replace(GOOD, **changes))) == expected


CLOCKS = {
    # name: (time here, newest time in Git, what is said of it)
    "set back before the newest commit": (
        NOON - 86400 * 30,
        NOON,
        (
            "this machine's clock says 2025-12-03T12:00:00Z, the newest time in Git is 2026-01-02T12:00:00Z: "
            "one of them is wrong"
        ),
    ),
    "at the beginning of all time": (
        0,
        NOON,
        (
            "this machine's clock says 1970-01-01T00:00:00Z, the newest time in Git is 2026-01-02T12:00:00Z: "
            "one of them is wrong"
        ),
    ),
    "years ahead": (
        NOON + 20 * 366 * 86400,
        NOON,
        (
            "this machine's clock says 2046-01-17T12:00:00Z, the newest time in Git is 2026-01-02T12:00:00Z: "
            "the clock is years ahead"
        ),
    ),
    "beyond the calendar": (
        10**15,
        NOON,
        "this machine's clock says 1000000000000000 seconds since 1970, which cannot be right",
    ),
}


@pytest.mark.parametrize(("at", "seen", "said"), CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_cannot_be_right_passes_no_gate_of_time(at: int, seen: int, said: str) -> None:
    """Writer's fault row 17: soak, windows and lapsed freezes are refused, and the clock is named."""
    gates = Gates(soak=1, windows=(replace(WEEKEND, start="2020-01-01T00:00", duration=1),))
    lapsed = (Pause("freeze", 1, "old"), Pause("suspend", 1, "old"))
    found = refusals(gates, replace(GOOD, at=at, seen=seen, pauses=lapsed))
    said_of = {each.gate: each.reason for each in found}
    still = {
        "freeze": f"whether prod is still frozen cannot be told: {said}",
        "suspend": f"whether prod is still suspended cannot be told: {said}",
    }
    if at < 1:
        still = {
            "freeze": "prod is frozen until 1970-01-01T00:00:01Z: old",
            "suspend": "prod is suspended until 1970-01-01T00:00:01Z: old",
        }
    assert said_of == {"soak": said, **still, "window": said}


SKEWED = {
    "healthy since tomorrow": {"since": NOON + 86400, "reported": NOON + 86400},
    "reported in the future": {"since": NOON - 86400, "reported": NOON + 1},
    "healthy after it was reported": {"since": NOON - 3600, "reported": NOON - 7200},
}


@pytest.mark.parametrize("changes", SKEWED.values(), ids=SKEWED)
def test_a_status_from_the_future_counts_as_no_soak(changes: dict[str, int]) -> None:
    """Writer's fault row 17: the agent's clock is not trusted where it contradicts itself or this one."""
    found = refusals(Gates(soak=1), replace(GOOD, observed=replace(HEALTHY, **changes)))
    assert [each.gate for each in found] == ["soak"]
    assert found[0].reason.endswith("this counts as no time at all")


def test_only_suspend_cannot_be_forced() -> None:
    """A suspended environment stays as it is."""
    facts = replace(
        GOOD,
        promotes_from=(),
        problems=("x",),
        observed=None,
        approvals=(),
        pauses=(frozen(), frozen(kind="suspend")),
    )
    found = refusals(replace(ALL, windows=(WEEKEND,)), facts)
    assert {each.gate: each.can_be_forced for each in found} == {
        "direction": True,
        "verified": True,
        "health": True,
        "soak": True,
        "approvals": True,
        "freeze": True,
        "suspend": False,
        "window": True,
    }


def test_a_refusal_as_a_problem_starts_with_its_gate() -> None:
    """As errors list it."""
    refusal = Refusal("soak", "here", "too young", "wait")
    assert refusal.problem == Problem("here", "soak: too young", "wait")


times = st.sampled_from([0, NOON - 7200, NOON - 3600, NOON - 1, NOON, NOON + 1, NOON + 90 * 86400, 10**12])
people = st.sampled_from(
    [
        "Ann <ann@example.com>",
        "A <ANN@example.com>",
        "Bob <b@x>",
        "B <B@X>",
        "Cyd <c@x>",
        "Eve",
        "",
        "<>",
        "< >",
    ]
)
gates_of = st.builds(
    Gates,
    health=st.booleans(),
    soak=st.sampled_from([0, 1, 3600, 7200]),
    approvals=st.integers(0, 3),
    windows=st.sampled_from([(), (WEEKEND,), (WEEKEND, replace(WEEKEND, start="2019-01-04T01:00"))]),
)
statuses = st.none() | st.builds(
    Observed,
    environment=st.sampled_from(["staging", "dev"]),
    revision=st.sampled_from([REVISION, OTHER, ""]),
    sequence=st.just(1),
    health=st.sampled_from([Health.HEALTHY, Health.PROGRESSING, "", "healthy"]),
    since=times,
    reported=times,
)
facts_of = st.builds(
    Facts,
    at=times,
    source=st.just("staging"),
    target=st.sampled_from(["prod", "staging"]),
    promotes_from=st.sampled_from([("staging",), (), ("dev", "staging"), ("dev",)]),
    deploy_commit=st.sampled_from([REVISION, ""]),
    problems=st.sampled_from([(), ("x",)]),
    observed=statuses,
    unreadable=st.sampled_from(["", "", "broken"]),
    pauses=st.lists(
        st.builds(Pause, st.sampled_from(["freeze", "suspend"]), times, st.just("r")), max_size=2
    ).map(tuple),
    approvals=st.lists(people, max_size=4).map(tuple),
    promoter=people,
    seen=st.sampled_from([0, NOON - 60]),
)


@settings(deadline=None, max_examples=500)
@given(gates_of, facts_of)
def test_what_passes_has_everything_that_the_gates_ask_for(gates: Gates, facts: Facts) -> None:
    """Never with less: each condition, said again in other words."""
    if refusals(gates, facts):
        return
    assert "staging" in facts.promotes_from
    assert facts.target == "prod"
    assert facts.problems == ()
    if gates.health or gates.soak:
        assert facts.observed is not None
        assert (facts.observed.environment, facts.observed.health) == ("staging", "Healthy")
        assert facts.observed.revision == facts.deploy_commit == REVISION
        assert facts.unreadable == ""
    if gates.soak:
        assert facts.observed is not None
        assert facts.observed.since <= facts.observed.reported <= facts.at
        assert facts.at - facts.observed.since >= gates.soak
    if gates.approvals:
        known = {each.lower().partition("<")[2] for each in facts.approvals} - {"", ">", " >"}
        assert len(known - {facts.promoter.lower().partition("<")[2]}) >= gates.approvals
    assert all(each.until <= facts.at for each in facts.pauses)
    if gates.windows:
        assert facts.at < NOON or facts.at == NOON + 90 * 86400


@settings(deadline=None, max_examples=300)
@given(gates_of, gates_of, facts_of)
def test_more_gates_never_refuse_less(one: Gates, other: Gates, facts: Facts) -> None:
    """Stricter in every key: all that was refused still is."""
    stricter = Gates(
        one.health or other.health,
        max(one.soak, other.soak),
        max(one.approvals, other.approvals),
        (*one.windows, *other.windows),
    )
    refused = {each.gate for each in refusals(one, facts)}
    assert refused <= {each.gate for each in refusals(stricter, facts)}


@settings(deadline=None, max_examples=300)
@given(gates_of, facts_of)
def test_knowing_less_never_lets_more_pass(gates: Gates, facts: Facts) -> None:
    """Without a status, without approvals, with a clock that cannot be checked."""
    refused = {each.gate for each in refusals(gates, facts)}
    for less in (replace(facts, observed=None), replace(facts, approvals=()), replace(facts, promoter="")):
        assert refused <= {each.gate for each in refusals(gates, less)}
