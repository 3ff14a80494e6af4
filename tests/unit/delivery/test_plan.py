"""Plans of promotions: what they say, what approvals are bound to, and what has moved since."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.delivery.plan import (
    Approval,
    PlanFile,
    PlannedMove,
    PromotionPlan,
    moved_since,
    parse_plan,
    plan_data,
)
from envctl.errors import InputError

A, B, C = "a" * 40, "b" * 40, "c" * 40
PLAN = PromotionPlan(
    "staging",
    "prod",
    origin=A,
    deployed=B,
    lock=C,
    tree="d" * 40,
    moves=(PlannedMove("web", A, B),),
    reason="7",
)

texts = st.text(max_size=8)
plans = st.builds(
    PromotionPlan,
    texts, texts, texts, texts, texts, texts,
    st.lists(st.builds(PlannedMove, texts, texts, texts), max_size=3).map(tuple),
    st.lists(texts, max_size=3).map(tuple),
    texts,
)  # fmt: skip


def written(file: PlanFile) -> bytes:
    return json.dumps(plan_data(file)).encode()


@given(plans, st.lists(st.tuples(texts, texts), max_size=3))
def test_a_plan_is_read_as_it_was_written(plan: PromotionPlan, approvals: list[tuple[str, str]]) -> None:
    """Round trip, alone and inside the output of a dry run."""
    file = PlanFile(plan, tuple(Approval(by, at, plan.digest) for by, at in approvals))
    assert parse_plan(written(file), "plan.json") == file
    assert parse_plan(json.dumps({"plan": plan_data(file), "x": 1}).encode(), "plan.json") == file


@given(plans, plans)
def test_only_the_same_plan_has_the_same_digest(one: PromotionPlan, other: PromotionPlan) -> None:
    """So an approval can never count for another one."""
    assert (one.digest == other.digest) == (one == other)


def changed(**values: object) -> bytes:
    return json.dumps({**plan_data(PlanFile(PLAN)), **values}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "this is no JSON: ", id="empty"),
        pytest.param(b"[" * 100_000, "this is no JSON: ", id="nested without end"),
        pytest.param(changed(reason="\ud800"), "the plan is not whole: ", id="half a surrogate pair"),
        pytest.param(b"[]", "this is no plan of a promotion", id="another document"),
        pytest.param(b'{"plan": {"version": 2}}', "this is no plan of a promotion", id="another version"),
        pytest.param(changed(origin=None), "the plan is not whole: origin must be a text", id="null"),
        pytest.param(changed(moves={}), "the plan is not whole: moves must be a list", id="no list"),
        pytest.param(changed(moves=[1]), "the plan is not whole: ", id="no move"),
        pytest.param(
            changed(tree=A), "the plan was changed by hand: its digest does not fit", id="another tree"
        ),
        pytest.param(
            changed(approvals=[{"by": "Bob <b@x>", "at": "", "digest": "sha256:0"}]),
            "the approval of Bob <b@x> is one of another plan",
            id="an approval taken from elsewhere",
        ),
    ],
)
def test_what_is_no_plan_is_refused(data: bytes, reason: str) -> None:
    """With the reason, and how to make one."""
    with pytest.raises(InputError) as caught:
        parse_plan(data, "plan.json")
    assert caught.value.summary.startswith(reason)
    assert (caught.value.place, caught.value.hint) == (
        "plan.json",
        "make it anew: envctl promote FROM TO --dry-run -o json",
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param({}, (), id="nothing"),
        pytest.param({"origin": C}, (f"staging's deploy commit was {A[:12]}, is {C[:12]}",), id="the origin"),
        pytest.param({"deployed": ""}, (f"prod's deploy commit was {B[:12]}, is none",), id="the target"),
        pytest.param({"lock": A}, (f"the lock of prod was {C[:12]}, is {A[:12]}",), id="the lock"),
        pytest.param(
            {"moves": (PlannedMove("api", "", C),)},
            (
                f"api would move none -> {C[:12]}, the plan says not at all",
                f"web would move not at all, the plan says {A[:12]} -> {B[:12]}",
            ),
            id="the pins",
        ),
        pytest.param(
            {"tree": A}, (f"prod would render to {A[:12]}, the plan says {'d' * 12}",), id="what is rendered"
        ),
    ],
)
def test_what_moved_since_is_named(now: dict[str, object], expected: tuple[str, ...]) -> None:
    """Each thing that a plan was made on."""
    assert moved_since(PLAN, replace(PLAN, **now)) == expected  # type: ignore[arg-type]
