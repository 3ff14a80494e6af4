"""What an apply says, as lines for people and as JSON."""

import click

from envctl.cli.clusterplan import counts_data, hinted, kept_lines
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, ReconcileResult, Refusal


def test_a_hint_that_many_lines_share_is_said_once() -> None:
    """After the last of those that follow each other."""
    told = [("a", "do x"), ("b", "do x"), ("c", ""), ("d", "do y"), ("e", "do x")]
    assert [click.unstyle(each) for each in hinted(told, "  ")] == [
        "a",
        "b",
        "  do x",
        "c",
        "d",
        "  do y",
        "e",
        "  do x",
    ]
    assert list(hinted([], "  ")) == []


def test_what_is_kept_is_told_with_its_guard() -> None:
    """And the way past it, once for all that one command lets go."""
    refused = tuple(Refusal("too-many", name, "12 of 40 left", "permit it") for name in ("A ns/a", "A ns/b"))
    lines = kept_lines(ReconcileResult("1" * 40, 1, refused=refused))
    assert [click.unstyle(each) for each in lines] == [
        "kept A ns/a: 12 of 40 left [too-many]",
        "kept A ns/b: 12 of 40 left [too-many]",
        "  permit it",
    ]


def test_every_action_is_counted() -> None:
    """With 0 where no object met it, so that a program need not ask."""
    results = tuple(ObjectResult(ObjectId("", "A", "ns", name), Action.CREATED) for name in "ab")
    assert counts_data(ReconcileResult("1" * 40, 1, results)) == {
        "created": 2,
        "configured": 0,
        "replaced": 0,
        "unchanged": 0,
        "deleted": 0,
        "deleting": 0,
        "skipped": 0,
        "failed": 0,
    }
