"""Promotions as data: which pins move, and how the commit tells it (design §5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from envctl.delivery.deploy import APPROVED_BY, ENVIRONMENT, FORCED, PROMOTED_FROM, REASON
from envctl.delivery.trailers import Trailer, compose
from envctl.model.lock import Pin

SHORT = 12
_LISTED = 20


@dataclass(frozen=True, slots=True)
class PinMove:
    """One component's pin before and after. `old` is None at its first promotion.

    `subjects` are the source commits in between that touched the component, newest first, as
    ``<short id> <subject>``.
    """

    component: str
    old: str | None
    new: str
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a promotion would do before anything is read from history.

    `held` are components that would move, and why only a promotion that names them may move them.
    """

    moves: tuple[PinMove, ...]
    unchanged: tuple[str, ...]
    unknown: tuple[str, ...]
    held: Mapping[str, str] = field(default_factory=dict)


def select(
    available: Mapping[str, str], pinned: Mapping[str, Pin], wanted: Sequence[str], chosen: Sequence[str]
) -> Selection:
    """Which pins move: `available` ones of the source environment into those the target wants.

    `chosen` narrows to some components (all where empty). `unknown` are chosen ones that
    either environment does not have. A held pin moves only where it is chosen; then its hold goes,
    even where the revision stays.
    """
    both = [name for name in wanted if name in available]
    names = [name for name in both if name in chosen] if chosen else both
    moved = [name for name in names if _moves(pinned.get(name), available[name], named=name in chosen)]
    held = {name: hold for name in moved if name not in chosen and (hold := _hold(pinned.get(name)))}
    return Selection(
        moves=tuple(
            PinMove(name, pinned[name].revision if name in pinned else None, available[name])
            for name in sorted(moved)
            if name not in held
        ),
        unchanged=tuple(sorted(set(names) - set(moved))),
        unknown=tuple(sorted(set(chosen) - set(both))),
        held=held,
    )


def _moves(pin: Pin | None, revision: str, *, named: bool) -> bool:
    return pin is None or pin.revision != revision or (named and pin.hold is not None)


def _hold(pin: Pin | None) -> str:
    return (pin.hold if pin else "") or ""


def promotion_message(
    source: str,
    target: str,
    origin: str,
    moves: Sequence[PinMove],
    *,
    reason: str = "",
    forced: Sequence[str] = (),
    approved: Sequence[str] = (),
) -> str:
    """The message of a promotion commit; `origin` is the source environment's deploy commit.

    `forced` are the gates that were overridden, `approved` the people who approved, as ``Name <email>``.
    """
    names = [move.component for move in moves]
    trailers: list[Trailer] = [(ENVIRONMENT, target), (PROMOTED_FROM, f"{source}@{origin}")]
    if forced:
        trailers.append((FORCED, ", ".join(forced)))
    if reason:
        trailers.append((REASON, reason))
    trailers += [(APPROVED_BY, each) for each in approved]
    title = ", ".join(names) if len(names) <= 3 else f"{len(names)} components"  # noqa: PLR2004
    body = "\n".join(line for move in moves for line in _move_lines(move))
    return compose(f"Promote {source} to {target}: {title}", (body,), trailers)


def _move_lines(move: PinMove) -> list[str]:
    old = move.old[:SHORT] if move.old else "(none)"
    lines = [f"{move.component}: {old} -> {move.new[:SHORT]}"]
    lines += [f"  - {subject}" for subject in move.subjects[:_LISTED]]
    if len(move.subjects) > _LISTED:
        lines.append(f"  - and {len(move.subjects) - _LISTED} more")
    return lines
