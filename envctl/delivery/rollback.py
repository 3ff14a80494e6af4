"""Rollbacks as data: how the commit tells them, and which deploy commit is the last good one (design §5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envctl.delivery.deploy import ENVIRONMENT, REASON, ROLLBACK_TO
from envctl.delivery.promotion import SHORT
from envctl.delivery.trailers import Trailer, compose

_NAMED = 3


@dataclass(frozen=True, slots=True)
class RestoredPin:
    """One component's pin before and after a rollback; "" where it has none."""

    component: str
    old: str
    new: str


def hold_reason(environment: str, old: str, new: str, reason: str) -> str:
    """Why a pin is held after a rollback from one deploy commit to another; printable, on one line."""
    text = f"rolled back from {environment}@{old[:SHORT]} to {environment}@{new[:SHORT]}"
    full = f"{text}: {reason}" if reason else text
    return " ".join("".join(each if each.isprintable() else " " for each in full).split())[:1000]


def rollback_message(
    environment: str,
    to: str,
    pins: Sequence[RestoredPin],
    files: Sequence[str],
    *,
    components: Sequence[str] = (),
    reason: str = "",
) -> str:
    """The message of a rollback commit. `to` is the deploy commit, `files` are restored with the pins."""
    what = ", ".join(components) if len(components) <= _NAMED else f"{len(components)} components"
    title = f"Roll back {environment} to {environment}@{to[:SHORT]}" + (f": {what}" if what else "")
    lines = [f"{each.component}: {_short(each.old)} -> {_short(each.new)}" for each in pins]
    lines += [f"restored: {path}" for path in files]
    trailers: list[Trailer] = [(ENVIRONMENT, environment), (ROLLBACK_TO, f"{environment}@{to}")]
    if reason:
        trailers.append((REASON, reason))
    return compose(title, ("\n".join(lines),), trailers)


def _short(revision: str) -> str:
    return revision[:SHORT] or "(none)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deploy commit on the way back, newest first. `back_to` is what it rolled back to, "" for most.

    `healthy`: whether it was ever reported so; None where nothing was reported of this deploy commit.
    """

    commit: str
    tree: str
    back_to: str = ""
    healthy: bool | None = None


def last_good(line: Iterable[Candidate], *, healthy: bool = False) -> str | None:
    """The deploy commit to go back to from the first one of a line, None where there is none.

    It has another tree than the first one. What a rollback left behind is never gone back to:
    from a rollback the way leads on below what it went back to. Nor is what was reported and never
    healthy; with `healthy`, nothing but what was reported healthy counts.
    """
    first, awaited = None, ""
    for each in line:
        if awaited and each.commit != awaited:
            continue
        awaited = each.back_to
        if first is None:
            first = each
        if awaited or each.tree == first.tree or each.healthy is False or (healthy and not each.healthy):
            continue
        return each.commit
    return None
