"""Pins read quickly are the pins that all checks find."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.config.lock import edit_lock, parse_lock
from envctl.config.pins import pinned_revisions
from envctl.errors import InputError
from envctl.model.lock import Pin

A, B = "a" * 40, "b" * 40
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
PINS = st.dictionaries(NAMES, st.builds(Pin, st.sampled_from([A, B]), st.sampled_from([None, "dev"])))


@given(PINS)
def test_a_written_lock_is_read_as_parse_lock_reads_it(pins: dict[str, Pin]) -> None:
    """Whatever envctl writes."""
    data = edit_lock(None, pins, "lock.yaml") if pins else b"components:\n"
    assert pinned_revisions(data, "lock.yaml") == {
        name: pin.revision for name, pin in parse_lock(data, "lock.yaml").pins.items()
    }


@pytest.mark.parametrize(
    "text",
    {
        "empty": "",
        "no pins": "components:\n",
        "comments": "# head\ncomments: x\n".replace("comments: x", "components:")
        + f"  # web\n  web:\n    # why\n    revision: {A}\n\n",
        "flow": f"components: {{web: {{revision: {A}}}}}\n",
        "quoted": f'components:\n  "web":\n    revision: "{A}"\n',
        "other order": f"components:\n  web:\n    from: dev\n    revision: {A}\n  api:\n    revision: {B}\n",
        "another indent": f"components:\n    web:\n        revision: {A}\n",
        "carriage returns": f"components:\r\n  web:\r\n    revision: {A}\r\n",
        "twice": f"components:\n  web:\n    revision: {A}\n  web:\n    revision: {B}\n",
        "twice a revision": f"components:\n  web:\n    revision: {A}\n    revision: {B}\n",
        "no revision": "components:\n  web:\n    from: dev\n",
        "last without a revision": f"components:\n  api:\n    revision: {A}\n  web:\n",
        "revision of nothing": f"components:\n    revision: {A}\n",
        "conflict": "components:\n<<<<<<< HEAD\n",
        "not text": "\udcff",
        "lines of another kind": f"components:\n  web:\n    revision: {A}\n    surprise: 1\n",
    }.values(),
    ids=lambda text: repr(text)[:40],
)
def test_any_other_lock_gives_what_parse_lock_gives(text: str) -> None:
    """The pins, or the same refusal."""
    data = text.encode("utf-8", "surrogateescape")
    assert outcome(pinned_revisions, data) == outcome(parsed, data)


def parsed(data: bytes, path: str) -> Mapping[str, str]:
    return {name: pin.revision for name, pin in parse_lock(data, path).pins.items()}


def outcome(read: Callable[[bytes, str], Mapping[str, str]], data: bytes) -> Mapping[str, str] | str:
    try:
        return read(data, "lock.yaml")
    except InputError as error:
        return str(error)
