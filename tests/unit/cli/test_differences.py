"""Differences as text: what each kind of field looks like, what is cut, what is told once."""

import time
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.cli.diff import comparison_lines
from envctl.cli.differences import shown_fields
from envctl.manifests.compare import compare
from envctl.model.objects import ObjectId
from envctl.workflows.rendering.sides import Comparison, ObjectChange

HEAD = {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}
LONG = "x" * 70
WHOLE = "".join(f"line {number}\n" for number in range(60))


def comparison(old: Any, new: Any, environment: str = "dev", namespace: str = "dev") -> Comparison:
    change = ObjectChange("web", ObjectId("", "A", namespace, "a"), compare(old, new))
    changes = (change,) if change.diff.fields else ()
    return Comparison("old", "new", (environment, environment), (namespace, namespace), changes, 1)


def lines(old: Any, new: Any, *, full: bool = False) -> list[str]:
    """The lines of one object, without heading, component and count."""
    found = [click.unstyle(line) for line in comparison_lines((comparison(old, new),), full=full)]
    assert (found[0], found[1], found[2][2:], found[-1][2:]) == (
        "old -> new",
        "web",
        "~ A dev/a" if old and new else "+ A dev/a" if new else "- A dev/a",
        "changed, 1 unchanged" if old and new else "created, 1 unchanged" if new else "deleted, 1 unchanged",
    )
    return [line.removeprefix("      ") for line in found[3:-1]]


FIELDS = {
    "values of one type": ({"x": 1}, {"x": 2}, ["x: 1 -> 2"]),
    "a number that becomes a text": ({"x": 1}, {"x": "1"}, ['x: 1 -> "1"']),
    "words that are no texts": (
        {"x": None, "y": True, "z": "a"},
        {"x": "null", "y": "true", "z": ""},
        ['x: null -> "null"', 'y: true -> "true"', 'z: a -> ""'],
    ),
    "short ones side by side": ({"x": "a", "long": "b"}, {"x": "c", "long": "d"}, ["long: b -> d", "x:    a -> c"]),
    "odd keys": ({"o.k": {"b c": "a"}}, {"o.k": {"b c": "b"}}, ['["o.k"]["b c"]: a -> b']),
    "a value that is too long for a line": (
        {"x": LONG},
        {"x": "short"},
        ["x:", f"  -{LONG}", "  +short"],
    ),
    "added and removed": (
        {"x": "a", "z": {"k": [1]}},
        {"y": "b"},
        ["- x: a", "+ y: b", "- z:", "    k:", "    - 1"],
    ),
    "an emptied mapping": ({"x": {"a": 1}}, {"x": {}}, ["x:", "  -a: 1", "  +{}"]),
    "another order": (
        {"x": [{"name": "a"}, {"name": "b"}]},
        {"x": [{"name": "b"}, {"name": "a"}]},
        ['x: same items, now in the order name="b", name="a"'],
    ),
    "several fields of one item": (
        {"c": [{"name": "web", "image": "a", "r": {"cpu": "1m"}}], "x": "a"},
        {"c": [{"name": "web", "image": "b", "r": {"cpu": "2m"}}], "x": "b"},
        ['c[name="web"]:', "  image: a -> b", "  r.cpu: 1m -> 2m", "x: a -> b"],
    ),
    "one field of an item": (
        {"c": [{"name": "a]b", "x": "a"}]},
        {"c": [{"name": "a]b", "x": "b"}]},
        ['c[name="a]b"].x: a -> b'],
    ),
    "a text of lines": (
        {"x": "a\nb\nc\nd\ne\nf\n"},
        {"x": "a\nb\nc\nd\nE\nf\n"},
        ["x:", "  @@ -3,4 +3,4 @@", "   c", "   d", "  -e", "  +E", "   f"],
    ),
    "a last line feed": ({"x": "a\n"}, {"x": "a"}, ["x:", "  @@ -1,1 +1,1 @@", "  -a", "  +a", "  \\ no newline at the end"]),
    "a carriage return": ({"x": "a\r\nb\n"}, {"x": "a\nb\n"}, ["x:", "  @@ -1,2 +1,2 @@", "  -a\r", "  +a", "   b"]),
    "a separator that is no line feed": ({"x": "a\u2028b\n"}, {"x": "a\nb\n"}, ["x:", "  @@ -1,1 +1,2 @@", "  -a\u2028b", "  +a", "  +b"]),
    "a text that would hide the next line": ({"x": "a\n"}, {"x": "a\n\x1b[8m\n"}, ["x:", "  @@ -1,1 +1,2 @@", "   a", "  +\\x1b[8m"]),
    "a text that comes": ({}, {"x": "a\nb"}, ["+ x:", "    a", "    b"]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), FIELDS.values(), ids=list(FIELDS))
def test_each_kind_of_field_has_its_own_look(old: Any, new: Any, expected: list[str]) -> None:
    """Nothing is cut here, so all of it is the same when asked for in full."""
    assert lines({**HEAD, **old}, {**HEAD, **new}) == expected
    assert lines({**HEAD, **old}, {**HEAD, **new}, full=True) == expected


def test_an_object_that_came_or_went_shows_what_it_is() -> None:
    """Without what its heading says already."""
    value = {**HEAD, "metadata": {"name": "a", "namespace": "dev", "labels": {"k": "v"}}, "data": {"x": "1"}}
    shown = ["metadata:", "    labels:", "      k: v", "data:", '    x: "1"']
    assert lines(None, value) == [("+ " + each if each[0] != " " else each) for each in shown]
    assert lines(value, None) == [("- " + each if each[0] != " " else each) for each in shown]
    assert lines(None, HEAD) == []


def test_long_values_are_cut_and_shown_whole_when_asked() -> None:
    """Ten lines of a value, forty of a text that changed, and 160 characters of a line."""
    added = lines(HEAD, {**HEAD, "x": WHOLE})
    assert added[:2] + added[-2:] == [
        "+ x:",
        "    line 0",
        "    line 9",
        "    … 51 more lines (--full shows all)",
    ]
    changed = lines({**HEAD, "x": WHOLE}, {**HEAD, "x": WHOLE.replace("line", "row")})
    assert (len(changed), changed[-1]) == (42, "  … 81 more lines (--full shows all)")
    wide = lines(HEAD, {**HEAD, "x": "y" * 1000})
    assert wide == ["+ x:", f"    {'y' * 160}… (1,000 characters; --full shows all)"]
    assert lines(HEAD, {**HEAD, "x": WHOLE}, full=True) == [
        "+ x:",
        *(f"    {each}" for each in WHOLE.split("\n")),
    ]
    assert lines(HEAD, {**HEAD, "x": "y" * 1000}, full=True) == ["+ x:", "    " + "y" * 1000]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("a\n" * 9_000, "a\nb\n" * 9_000, id="equal lines"),
        pytest.param(
            "".join(f"{n}\n" for n in range(9_000)), "".join(f"{n}\n" for n in reversed(range(9_000))), id="turned round"
        ),
    ],
)  # fmt: skip
def test_hostile_texts_are_counted_and_not_compared(old: str, new: str) -> None:
    """Comparing them would take minutes."""
    started = time.process_time()
    (_, (shown,)), *_ = shown_fields(compare({**HEAD, "x": old}, {**HEAD, "x": new}), full=True)
    assert time.process_time() - started < 5
    count = new.count("\n")
    assert shown.lines == (("~", f"9,000 lines, now {count:,}: too many that are alike to compare"),)


def test_what_differs_alike_in_several_environments_is_told_once() -> None:
    """Each in its own namespace; one that differs otherwise is told by itself."""
    found = (
        comparison({**HEAD, "x": "a"}, {**HEAD, "x": "b"}),
        comparison({**HEAD, "x": "a"}, {**HEAD, "x": "b"}, "staging", "staging"),
        comparison({**HEAD, "x": "a"}, {**HEAD, "x": "c"}, "prod", "prod"),
        comparison(HEAD, HEAD, "test", "test"),
    )
    assert [click.unstyle(line) for line in comparison_lines(found)] == [
        *(["old -> new", "  1 changed, 1 unchanged"] * 3),
        "old -> new",
        "  no differences in 1 object",
        "web",
        "  ~ A a  in dev, staging",
        "      x: a -> b",
        "  ~ A prod/a  in prod",
        "      x: a -> c",
    ]


TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=8).map("\n".join)


@given(TEXTS, TEXTS)
def test_a_text_diff_rebuilds_both_texts(old: str, new: str) -> None:
    """What is marked, put together with what both have in common, is each side again."""
    old, new = f"start\n{old}", f"start\n{new}"
    diff = compare({"x": old}, {"x": new})
    if old == new:
        assert diff.fields == ()
        return
    ((_, (shown,)),) = shown_fields(diff, full=True)
    assert ("-" in [mark for mark, _ in shown.lines]) or ("+" in [mark for mark, _ in shown.lines])
    assert applied(old, shown.lines, "-") == old
    assert applied(new, shown.lines, "+") == new


def applied(text: str, marked: Any, side: str) -> str:
    """The text with each hunk of one side written over the lines that it names."""
    result = text.split("\n")
    at = 0
    for mark, line in marked:
        if mark == "@":
            start = line.split()[1 if side == "-" else 2].lstrip("-+").partition(",")[0]
            at = int(start) - 1
        elif mark in (" ", side):
            assert text.split("\n")[at] == line
            result[at] = line
            at += 1
    return "\n".join(result)
