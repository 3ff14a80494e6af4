"""A promotion as a value: printed, approved by others, and applied later as it was or not at all."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from envctl.delivery.promotion import SHORT
from envctl.errors import InputError
from envctl.model.values import JsonObject, JsonValue

VERSION = 1
_REMAKE = "make it anew: envctl promote FROM TO --dry-run -o json"


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """One pin before ("" for none) and after."""

    component: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """What a promotion does, by ids: whoever applies it does exactly this.

    - `origin`: the deploy commit of the environment that pins come from.
    - `deployed`: the deploy commit of the target that it was made on, "" before the first.
    - `lock`: the blob id of the target's lock, "" where there is none yet.
    - `tree`: the deploy tree that the target is to have, so every file of it is decided.
    - `named`: the origin, where it was asked for by its id; "" where it was the newest of its environment.
    """

    source: str
    target: str
    origin: str
    deployed: str
    lock: str
    tree: str
    moves: tuple[PlannedMove, ...]
    components: tuple[str, ...] = ()
    reason: str = ""
    named: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says: what an approval is bound to."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody who read a plan and agrees; `digest` is the plan's. `at` is RFC 3339."""

    by: str
    at: str
    digest: str


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan with its approvals."""

    plan: PromotionPlan
    approvals: tuple[Approval, ...] = ()

    def approved(self, approval: Approval) -> "PlanFile":
        """The same with one approval more."""
        return replace(self, approvals=(*self.approvals, approval))


def plan_data(file: PlanFile) -> JsonObject:
    """A plan as JSON, with its digest."""
    plan = file.plan
    return {
        "version": VERSION,
        "from": plan.source,
        "to": plan.target,
        "components": list(plan.components),
        "reason": plan.reason,
        "named": plan.named,
        "origin": plan.origin,
        "deployed": plan.deployed,
        "lock": plan.lock,
        "tree": plan.tree,
        "moves": [asdict(each) for each in plan.moves],
        "digest": plan.digest,
        "approvals": [asdict(each) for each in file.approvals],
    }


def parse_plan(data: bytes, place: str) -> PlanFile:
    """A plan file, or the output of ``envctl promote --dry-run -o json`` that holds one.

    Raises InputError where it is none, or where its digest is not that of what it says.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON: {error}", place=place, hint=_REMAKE) from error
    if isinstance(document, dict) and isinstance(document.get("plan"), dict):
        document = document["plan"]
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise InputError("this is no plan of a promotion", place=place, hint=_REMAKE)
    try:
        file = _read(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the plan is not whole: {error}", place=place, hint=_REMAKE) from error
    _require_digests(file, document.get("digest"), place)
    return file


def _read(document: Mapping[str, Any]) -> PlanFile:
    moves = tuple(
        PlannedMove(_text(each, "component"), _text(each, "old"), _text(each, "new"))
        for each in _list(document, "moves")
    )
    plan = PromotionPlan(
        source=_text(document, "from"),
        target=_text(document, "to"),
        moves=moves,
        components=tuple(_member(each, "components") for each in _list(document, "components")),
        **{key: _text(document, key) for key in ("origin", "deployed", "lock", "tree", "reason", "named")},
    )
    approvals = tuple(
        Approval(_text(each, "by"), _text(each, "at"), _text(each, "digest"))
        for each in document.get("approvals", [])
    )
    return PlanFile(plan, approvals)


def _require_digests(file: PlanFile, digest: JsonValue, place: str) -> None:
    if digest != file.plan.digest:
        raise InputError("the plan was changed by hand: its digest does not fit", place=place, hint=_REMAKE)
    for each in file.approvals:
        if each.digest != file.plan.digest:
            raise InputError(f"the approval of {each.by} is one of another plan", place=place, hint=_REMAKE)


def _text(document: Any, key: str) -> str:
    return _member(document[key], key)


def _member(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{key} must be a text")
    value.encode()  # half a surrogate pair is no text, and has no digest
    return value


def _list(document: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = document[key]
    if not isinstance(value, list):
        raise TypeError(f"{key} must be a list")
    return value


def moved_since(plan: PromotionPlan, now: PromotionPlan) -> tuple[str, ...]:
    """What is not any more as a plan says, in words; `now` is the same promotion, planned again."""
    return tuple(_moved(plan, now))


def _moved(plan: PromotionPlan, now: PromotionPlan) -> Iterator[str]:
    for what, then, today in (
        (f"{plan.source}'s deploy commit", plan.origin, now.origin),
        (f"{plan.target}'s deploy commit", plan.deployed, now.deployed),
        (f"the lock of {plan.target}", plan.lock, now.lock),
    ):
        if then != today:
            yield f"{what} was {_short(then)}, is {_short(today)}"
    before, after = ({each.component: each for each in one.moves} for one in (plan, now))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name} would move {_shown(after.get(name))}, the plan says {_shown(before.get(name))}"
    if plan.tree != now.tree:
        yield f"{plan.target} would render to {_short(now.tree)}, the plan says {_short(plan.tree)}"


def _short(commit: str) -> str:
    return commit[:SHORT] or "none"


def _shown(move: PlannedMove | None) -> str:
    return f"{_short(move.old)} -> {_short(move.new)}" if move else "not at all"
