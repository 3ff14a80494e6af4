"""Locks: read, and edited without touching anything else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.config.lock import edit_lock, parse_lock
from envctl.errors import InputError
from envctl.model.lock import Lock, Pin

PATH = "environments/prod/lock.yaml"
A, B, C = "a" * 40, "b" * 40, "c" * 40

WRITTEN = f"""\
# Written by `envctl promote`: the source revision of each component in this environment.
components:
  gateway:
    revision: {A}
    from: staging

  web:
    revision: {B}
    from: staging
"""

BY_HAND = f"""\
# Head
owner: team-a   # an unknown key

components:   # all of them

  # about api,
  # in two lines
  api:
    # held until Monday
    revision: {A}   # good
    held: true
    # the end of api

  # about web
  'web':
    from: "staging"
    revision: '{B}'
# the end

more: [1, 2]
"""


def edit(text: str | None, **pins: Pin | None) -> str:
    data = None if text is None else text.encode()
    return edit_lock(data, {name.replace("_", "-"): pin for name, pin in pins.items()}, PATH).decode()


def test_a_lock_is_read() -> None:
    """Pins by component; an empty file has none."""
    pins = {"gateway": Pin(A, "staging"), "web": Pin(B, "staging")}
    assert parse_lock(WRITTEN.encode(), PATH) == Lock(pins)
    assert parse_lock(BY_HAND.encode(), PATH) == Lock({"api": Pin(A), "web": Pin(B, "staging")})
    assert parse_lock(b"", PATH) == parse_lock(b"components:\n", PATH) == Lock()


def test_every_problem_of_a_lock_is_told() -> None:
    """Short revisions, missing revisions, names that are none."""
    with pytest.raises(InputError) as caught:
        parse_lock(b"components:\n  a: {revision: abc}\n  b: {from: dev}\n  C: {}\n", PATH)
    assert str(caught.value) == (
        "4 problems found in environments/prod/lock.yaml\n"
        "  environments/prod/lock.yaml:2: components.a.revision: must match the pattern ^[0-9a-f]{40}$, "
        'is the text "abc" (The commit that the component, its schema, lib/ and vendor/ are read at: '
        "40 hexadecimal digits.)\n"
        "  environments/prod/lock.yaml:3: components.b: the key `revision` is missing\n"
        "  environments/prod/lock.yaml:4: components.C: this key is not allowed: it must match the pattern "
        '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, is the text "C"\n'
        "  environments/prod/lock.yaml:4: components.C: the key `revision` is missing"
    )


def test_a_merge_conflict_in_a_lock_is_explained() -> None:
    """The next step is one of promotion, not of YAML."""
    text = WRITTEN.replace(f"    revision: {B}\n", f"<<<<<<< HEAD\n    revision: {B}\n=======\n>>>>>>> x\n")
    with pytest.raises(InputError) as caught:
        parse_lock(text.encode(), PATH)
    assert str(caught.value) == (
        "environments/prod/lock.yaml:8: this file has an unresolved merge conflict\n"
        "hint: take one side as it is (git checkout --ours or --theirs, then git add), "
        "and promote again what the other side had"
    )


def test_the_first_promotion_writes_the_whole_file() -> None:
    """Sorted, one block a component, with a blank line in between."""
    assert edit(None, web=Pin(B, "staging"), gateway=Pin(A, "staging")) == WRITTEN
    assert edit("", web=Pin(B, "staging"), gateway=Pin(A, "staging")) == WRITTEN


@pytest.mark.parametrize(
    ("pins", "old", "new"),
    [
        pytest.param({"web": Pin(C, "staging")}, f"revision: {B}", f"revision: {C}", id="revision"),
        pytest.param(
            {"web": Pin(B, "dev")}, f"{B}\n    from: staging", f"{B}\n    from: dev", id="origin changes"
        ),
        pytest.param({"web": Pin(B)}, f"{B}\n    from: staging", B, id="origin goes"),
        pytest.param(
            {"web": None}, f"\n  web:\n    revision: {B}\n    from: staging\n", "", id="last one goes"
        ),
        pytest.param(
            {"gateway": None},
            f"  gateway:\n    revision: {A}\n    from: staging\n\n",
            "",
            id="first one goes",
        ),
        pytest.param(
            {"api": Pin(C)},
            "  gateway:\n",
            f"  api:\n    revision: {C}\n\n  gateway:\n",
            id="new at the start",
        ),
        pytest.param(
            {"h": Pin(C), "i": Pin(A)},
            "  web:\n",
            f"  h:\n    revision: {C}\n\n  i:\n    revision: {A}\n\n  web:\n",
            id="two new in the middle",
        ),
        pytest.param(
            {"zeta": Pin(C)},
            f"{B}\n    from: staging\n",
            f"{B}\n    from: staging\n\n  zeta:\n    revision: {C}\n",
            id="new at the end",
        ),
        pytest.param(
            {"no": Pin("1" * 40, "on")},
            "  web:\n",
            f'  "no":\n    revision: "{"1" * 40}"\n    from: "on"\n\n  web:\n',
            id="what would not be read as text is quoted",
        ),
        pytest.param(
            {"web": Pin(A, "staging", 'rolled back: "5xx" # on checkout')},
            f"{B}\n    from: staging",
            f'{A}\n    hold: "rolled back: \\"5xx\\" # on checkout"\n    from: staging',
            id="a hold comes",
        ),
        pytest.param({"web": Pin(B, "staging"), "x": None}, "", "", id="nothing to do"),
    ],
)
def test_an_edit_changes_its_own_lines_only(pins: dict[str, Pin | None], old: str, new: str) -> None:
    """Shown as what is replaced in the file."""
    assert edit(WRITTEN, **pins) == WRITTEN.replace(old, new)


@pytest.mark.parametrize(
    ("pins", "old", "new"),
    [
        pytest.param({"api": Pin(C)}, f"{A}   # good", f"{C}   # good", id="revision"),
        pytest.param(
            {"api": Pin(A, "dev")}, f"{A}   # good\n", f"{A}   # good\n    from: dev\n", id="origin comes"
        ),
        pytest.param(
            {"web": Pin(C, "dev")}, f"\"staging\"\n    revision: '{B}'", f"dev\n    revision: {C}", id="both"
        ),
        pytest.param(
            {"api": None},
            f"  # about api,\n  # in two lines\n  api:\n    # held until Monday\n    revision: {A}   # good\n"
            "    held: true\n    # the end of api\n\n",
            "",
            id="a block goes with its own comments",
        ),
        pytest.param(
            {"gateway": Pin(C)},
            "  # about web\n",
            f"  gateway:\n    revision: {C}\n\n  # about web\n",
            id="a new block never parts another from its comment",
        ),
        pytest.param(
            {"zeta": Pin(C)}, "# the end\n", f"\n  zeta:\n    revision: {C}\n# the end\n", id="new at the end"
        ),
    ],
)
def test_comments_order_and_unknown_keys_stay(pins: dict[str, Pin | None], old: str, new: str) -> None:
    """A file that people worked on."""
    assert edit(BY_HAND, **pins) == BY_HAND.replace(old, new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("components:\n", f"components:\n  web:\n    revision: {A}\n", id="empty"),
        pytest.param(
            "components: {}  # x\n", f"components:  # x\n  web:\n    revision: {A}\n", id="empty in flow"
        ),
        pytest.param("# x\n", f"# x\ncomponents:\n  web:\n    revision: {A}\n", id="only a comment"),
        pytest.param(
            "b: 1", f"b: 1\ncomponents:\n  web:\n    revision: {A}\n", id="other keys, no last newline"
        ),
        pytest.param(
            f"components:\r\n    api:\r\n        revision: {B}\r\n",
            f"components:\r\n    api:\r\n        revision: {B}\r\n\r\n    web:\r\n      revision: {A}\r\n",
            id="CRLF and wide indentation",
        ),
    ],
)
def test_a_first_pin_finds_its_place(text: str, expected: str) -> None:
    """Whatever there is already."""
    assert edit(text, web=Pin(A)) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param(f"components:\n  web: {{revision: {B}}}\n", f"{PATH}:2", id="block in flow style"),
        pytest.param(f"components: {{web: {{revision: {B}}}}}\n", f"{PATH}:1", id="all in flow style"),
        pytest.param(
            f"components:\n  web:\n    revision:\n      {B}\n", f"{PATH}:3", id="value on a line of its own"
        ),
        pytest.param(f"{{components: {{web: {{revision: {B}}}}}}}\n", f"{PATH}:1", id="file in flow style"),
    ],
)
def test_a_layout_that_cannot_be_edited_is_refused(text: str, place: str) -> None:
    """Never a file that says something else than it was meant to."""
    with pytest.raises(InputError) as caught:
        edit(text, web=Pin(A))
    assert str(caught.value) == (
        f"{place}: the file is laid out so that it cannot be edited\n"
        "hint: write `components:` and below it one block for each component, with one key on each line"
    )


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        pytest.param(f"components: {{web: {{revision: {B}}}}}\n", {"api": Pin(A)}, id="new one"),
        pytest.param(
            f"{{components: {{web: {{revision: {B}}}}}, x: 1}}\n", {"web": None}, id="one that goes"
        ),
        pytest.param(
            f"components: # {{\n  {{web: {{revision: {B}}}}}\n", {"web": None}, id="on a line of its own"
        ),
    ],
)
def test_what_stands_beside_a_pin_is_never_lost(text: str, pins: dict[str, Pin | None]) -> None:
    """Other keys on the line of a pin."""
    with pytest.raises(InputError, match="laid out so that it cannot be edited"):
        edit(text, **pins)


def test_a_block_in_flow_style_that_is_not_touched_does_no_harm() -> None:
    """It stays, and new ones come beside it."""
    text = f"components:\n  web: {{revision: {B}}}\n"
    assert edit(text, api=Pin(A)) == f"components:\n  api:\n    revision: {A}\n\n  web: {{revision: {B}}}\n"


names = st.sampled_from(["a", "api", "b", "gateway", "no", "on", "web", "x1", "true", "null", "12", "1e3"])
holds = st.text(st.characters(min_codepoint=32, exclude_categories=["C", "Zl", "Zp"]), min_size=1)
pins = st.builds(
    Pin, st.text("0123456789abcdef", min_size=40, max_size=40), st.none() | names, st.none() | holds
)
changes = st.dictionaries(names, pins | st.none())


@settings(deadline=None)
@given(changes, changes)
def test_edits_say_what_was_meant_and_nothing_twice(
    first: dict[str, Pin | None], second: dict[str, Pin | None]
) -> None:
    """parse(edit(x)) is x with the pins; the same edit again changes no byte."""
    once = edit_lock(None, first, PATH)
    twice = edit_lock(once, second, PATH)
    expected = {name: pin for name, pin in {**first, **second}.items() if pin}
    assert parse_lock(twice, PATH).pins == expected
    assert edit_lock(twice, second, PATH) == twice


@settings(deadline=None)
@given(changes)
def test_the_file_is_the_same_whatever_the_order_of_edits(wanted: dict[str, Pin | None]) -> None:
    """One promotion of all or one of each component: the same bytes."""
    at_once = edit_lock(None, {"m": Pin(A), **wanted}, PATH)
    one_by_one = edit_lock(None, {"m": Pin(A)}, PATH)
    for name, pin in reversed(wanted.items()):
        one_by_one = edit_lock(one_by_one, {name: pin}, PATH)
    assert at_once == one_by_one


@settings(deadline=None)
@given(changes)
def test_comments_are_never_lost(wanted: dict[str, Pin | None]) -> None:
    """But those of blocks that go."""
    pinned = {name: pin for name, pin in wanted.items() if pin}
    edited = edit_lock(BY_HAND.encode(), pinned, PATH).decode()
    assert [line for line in edited.splitlines() if line.strip().startswith("#")] == [
        line for line in BY_HAND.splitlines() if line.strip().startswith("#")
    ]
