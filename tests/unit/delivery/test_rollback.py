"""Rollbacks as data: the last good deploy commit, and what the commit says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.delivery.rollback import Candidate, RestoredPin, hold_reason, last_good, rollback_message

A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("", None, id="nothing was published"),
        pytest.param("1:x", None, id="there is only one"),
        pytest.param("3:z 2:y 1:x", "2", id="the one before"),
        pytest.param("3:x 2:x 1:y", "1", id="the same tree is no way back"),
        pytest.param("4:x>1 3:z 2:y 1:x", None, id="below what was gone back to there is nothing"),
        pytest.param("5:y>2 4:z 3:w 2:y 1:x", "1", id="what a rollback left behind is not gone back to"),
        pytest.param("6:x>1 5:y>2 4:z 3:w 2:y 1:x", None, id="twice back"),
        pytest.param("6:q 5:y>2 4:z 3:w 2:y 1:x", "2", id="forward again, then back to the good one"),
        pytest.param("3:z! 2:y! 1:x+", "1", id="what was never healthy does not count"),
        pytest.param("3:z! 2:y 1:x", "2", id="what nobody reported may count"),
        pytest.param("3:z! 2:y! 1:x!", None, id="nothing was healthy"),
        pytest.param("3:z>9 2:y 1:x", None, id="gone back to what is not there"),
    ],
)
def test_the_last_good_deploy_commit(line: str, expected: str | None) -> None:
    """Written newest first as ``commit:tree``, ``>`` what it went back to, ``+`` healthy or ``!`` not."""
    assert last_good(candidate(each) for each in line.split()) == expected


def test_only_what_was_seen_healthy_counts_if_that_is_asked() -> None:
    """What nobody reported is passed over."""
    line = [candidate(each) for each in ["4:z!", "3:y", "2:x+", "1:w+"]]
    assert last_good(line, healthy=True) == "2"
    assert last_good(line[:2], healthy=True) is None


def candidate(text: str) -> Candidate:
    healthy = {"+": True, "!": False}.get(text[-1])
    commit, _, rest = text.rstrip("+!").partition(":")
    tree, _, back = rest.partition(">")
    return Candidate(commit, tree, back, healthy)


@given(st.lists(st.sampled_from("xyz"), min_size=1, max_size=8))
def test_the_way_back_leads_to_another_tree(trees: list[str]) -> None:
    """The newest one that differs, where no rollback is on the way."""
    line = [Candidate(str(number), tree) for number, tree in enumerate(trees)]
    others = [each.commit for each in line if each.tree != trees[0]]
    assert last_good(line) == (others[0] if others else None)


def test_a_rollback_message_tells_pins_files_and_why() -> None:
    """Per component old and new pin, the files, then the trailers."""
    pins = [RestoredPin("api", A, B), RestoredPin("web", A, "")]
    assert rollback_message(
        "prod", A, pins, ["environments/prod/web.jsonnet"], reason="5xx\non checkout"
    ) == (
        f"Roll back prod to prod@{A[:12]}\n"
        "\n"
        f"api: {A[:12]} -> {B[:12]}\n"
        f"web: {A[:12]} -> (none)\n"
        "restored: environments/prod/web.jsonnet\n"
        "\n"
        "Envctl-Environment: prod\n"
        f"Envctl-Rollback-To: prod@{A}\n"
        "Envctl-Reason: 5xx on checkout\n"
    )


@given(st.text(max_size=2000))
def test_a_hold_is_one_printable_line(reason: str) -> None:
    """Whatever people write, it fits a lock."""
    text = hold_reason("prod", A, B, reason)
    assert text.isprintable()
    assert len(text) <= 1000
    assert text.startswith(f"rolled back from prod@{A[:12]} to prod@{B[:12]}")
