"""Several tasks in one engine call: what they import is parsed, and what they share is evaluated, once."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envctl.ports import EvaluationTask

_FIRST = 4
_LARGEST = 16
_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks of one group and one tree, with their positions among all tasks."""

    positions: tuple[int, ...]
    tasks: tuple[EvaluationTask, ...]

    @property
    def code(self) -> str:
        """One program that evaluates to the list of the tasks' values."""
        return "[\n" + ",\n".join(f"({task.code}\n)" for task in self.tasks) + "\n]\n"


class Queue:
    """Tasks of one group and one tree, taken in batches whose size follows from what came before.

    The first batch is small, because nobody knows yet how large the values are.
    """

    def __init__(self, positions: Sequence[int], tasks: Sequence[EvaluationTask]) -> None:
        self._rest = list(zip(positions, tasks, strict=True))
        self._size = _FIRST

    def take(self) -> Batch | None:
        """The next batch, None where nothing is left."""
        taken, self._rest = self._rest[: self._size], self._rest[self._size :]
        return Batch(tuple(at for at, _ in taken), tuple(task for _, task in taken)) if taken else None

    def learn(self, weight: int | None) -> None:
        """Fit the next batches to the bytes of one task's value; None for a batch that failed."""
        self._size = 1 if weight is None else min(_LARGEST, max(1, _BYTES // max(1, weight)))


def queued(tasks: Sequence[EvaluationTask], workers: int) -> list[Queue]:
    """All tasks in queues, in the order of their first tasks.

    Where there are fewer groups than workers, groups are split so that no worker is idle.
    """
    groups: dict[tuple[int, str], list[int]] = {}
    for at, task in enumerate(tasks):
        alone = task.group or f"\0{at}"
        groups.setdefault((id(task.tree), alone), []).append(at)
    pieces = math.ceil(workers / max(1, len(groups)))
    return [
        Queue(part, [tasks[at] for at in part])
        for positions in groups.values()
        for part in _split(positions, math.ceil(len(positions) / pieces))
    ]


def _split(positions: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (positions[at : at + size] for at in range(0, len(positions), size))
