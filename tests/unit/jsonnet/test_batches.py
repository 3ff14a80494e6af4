"""Which tasks share an engine call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.jsonnet.batches import Batch, Queue, queued
from envctl.ports import EvaluationTask
from tests.support.trees import MemoryTree

TREES = (MemoryTree({}), MemoryTree({}))
tasks = st.lists(
    st.builds(
        lambda tree, group, key: EvaluationTask(key, f"'{key}'", TREES[tree], group),
        st.integers(0, 1),
        st.sampled_from(["", "a", "b"]),
        st.text("xyz", max_size=3),
    ),
    max_size=60,
)


def drained(queue: Queue, weight: int | None) -> list[Batch]:
    """All batches of a queue, where each value has so many bytes."""
    found = []
    while batch := queue.take():
        found.append(batch)
        queue.learn(weight)
    return found


@given(tasks, st.integers(1, 8), st.one_of(st.none(), st.integers(0, 1 << 30)))
def test_every_task_is_in_one_batch_with_its_like(
    tasks: list[EvaluationTask], workers: int, weight: int | None
) -> None:
    """No task is lost or doubled, and a batch has one tree and one group, or one task."""
    batches = [batch for queue in queued(tasks, workers) for batch in drained(queue, weight)]
    assert sorted(at for each in batches for at in each.positions) == list(range(len(tasks)))
    for each in batches:
        assert [tasks[at] for at in each.positions] == list(each.tasks)
        assert len({(id(task.tree), task.group) for task in each.tasks}) == 1
        assert len(each.tasks) == 1 or each.tasks[0].group
        assert len(each.tasks) <= 16


def group(name: str, size: int) -> list[EvaluationTask]:
    return [EvaluationTask(f"{name}{at}", str(at), TREES[0], name) for at in range(size)]


def test_a_single_group_is_split_so_that_no_worker_is_idle() -> None:
    """Three environments of one component take two workers; with as many groups as workers none is split."""
    one, two = group("a", 3), group("b", 3)
    assert [each.positions for queue in queued(one, 2) for each in drained(queue, 1)] == [(0, 1), (2,)]
    assert [each.positions for queue in queued(one + two, 2) for each in drained(queue, 1)] == [
        (0, 1, 2),
        (3, 4, 5),
    ]


SIZES = {
    "small values": (1000, [4, 16, 10]),
    "values of a megabyte": (1 << 20, [4, 8, 8, 8, 2]),
    "values of many megabytes": (9 << 20, [4] + [1] * 26),
    "a batch that failed": (None, [4] + [1] * 26),
}


@pytest.mark.parametrize(("weight", "sizes"), SIZES.values(), ids=SIZES)
def test_batches_fit_what_came_before(weight: int | None, sizes: list[int]) -> None:
    """A batch's text stays at about 8 MiB, far below the limit of an output."""
    (queue,) = queued(group("a", 30), 1)
    assert [len(each.tasks) for each in drained(queue, weight)] == sizes


def test_a_batch_is_a_list_of_its_programs() -> None:
    """A comment at the end of a program ends with it."""
    first, second = EvaluationTask("a", "1 // one", TREES[0], "g"), EvaluationTask("b", "2", TREES[0], "g")
    assert Batch((0, 1), (first, second)).code == "[\n(1 // one\n),\n(2\n)\n]\n"
