"""Which tasks share an engine call."""

from hypothesis import given
from hypothesis import strategies as st

from envctl.jsonnet.batches import batched
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


@given(tasks, st.integers(1, 8))
def test_every_task_is_in_one_batch_with_its_like(tasks: list[EvaluationTask], workers: int) -> None:
    """No task is lost or doubled, and a batch has one tree and one group, or one task."""
    batches = batched(tasks, workers)
    assert sorted(at for each in batches for at in each.positions) == list(range(len(tasks)))
    for each in batches:
        assert [tasks[at] for at in each.positions] == list(each.tasks)
        assert len({(id(task.tree), task.group) for task in each.tasks}) == 1
        assert len(each.tasks) == 1 or each.tasks[0].group
        assert len(each.tasks) <= 16


def test_a_single_group_is_split_so_that_no_worker_is_idle() -> None:
    """Three environments of one component take two workers; with more groups than workers none is split."""
    one = [EvaluationTask(name, name, TREES[0], "a") for name in ("dev", "staging", "prod")]
    two = [EvaluationTask(name, name, TREES[0], "b") for name in ("dev", "staging", "prod")]
    assert [each.positions for each in batched(one, 2)] == [(0, 1), (2,)]
    assert [each.positions for each in batched(one + two, 2)] == [(0, 1, 2), (3, 4, 5)]


def test_a_batch_is_a_list_of_its_programs() -> None:
    """A comment at the end of a program ends with it."""
    (batch,) = batched(
        [EvaluationTask("a", "1 // one", TREES[0], "g"), EvaluationTask("b", "2", TREES[0], "g")], 1
    )
    assert batch.code == "[\n(1 // one\n),\n(2\n)\n]\n"
