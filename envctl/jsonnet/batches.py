"""Several tasks in one engine call: what they import is parsed, and what they share is evaluated, once."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envctl.ports import EvaluationTask

_LARGEST = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks of one group and one tree, with their positions among all tasks."""

    positions: tuple[int, ...]
    tasks: tuple[EvaluationTask, ...]

    @property
    def code(self) -> str:
        """One program that evaluates to the list of the tasks' values."""
        return "[\n" + ",\n".join(f"({task.code}\n)" for task in self.tasks) + "\n]\n"


def batched(tasks: Sequence[EvaluationTask], workers: int) -> list[Batch]:
    """All tasks in batches, in the order of their first tasks.

    Where there are fewer groups than workers, groups are split so that no worker is idle.
    """
    groups: dict[tuple[int, str], list[int]] = {}
    for at, task in enumerate(tasks):
        alone = task.group or f"\0{at}"
        groups.setdefault((id(task.tree), alone), []).append(at)
    pieces = math.ceil(workers / max(1, len(groups)))
    return [
        Batch(tuple(part), tuple(tasks[at] for at in part))
        for positions in groups.values()
        for part in _split(positions, min(_LARGEST, math.ceil(len(positions) / pieces)))
    ]


def _split(positions: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (positions[at : at + size] for at in range(0, len(positions), size))
