"""What other tools print, read for a look: documents, lists, places, and what is refused."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.manifests.stream import read_objects

WEB = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"
LISTED = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- {apiVersion: v1, kind: Secret}\n"

READ = {
    "one": (WEB, ["x:1 ConfigMap"]),
    "a stream": (f"---\n{WEB}---\n# nothing\n---\n{WEB}", ["x:2 ConfigMap", "x:8 ConfigMap"]),
    "a list": (LISTED, ["x:4 ConfigMap", "x:7 Secret"]),
    "JSON": ('{"apiVersion":"v1","kind":"Pod"}', ["x:1 Pod"]),
    "JSON, one a line": (
        '{"apiVersion":"v1","kind":"Pod"}\n\n{"apiVersion":"v1","kind":"Job"}\n',
        ["x:1 Pod", "x:3 Job"],
    ),
    "JSON, a list": (
        '\n{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod"}]}',
        ["x:2 Pod"],
    ),
    "an array": ('[{"apiVersion":"v1","kind":"Pod"}]', ["x:1 Pod"]),
    "flow style": ("{apiVersion: v1, kind: Pod}", ["x:1 Pod"]),
    "nothing": ("", []),
    "an empty list": ("apiVersion: v1\nkind: List\nitems: []\n", []),
    "line ends of Windows": (WEB.replace("\n", "\r\n"), ["x:1 ConfigMap"]),
    "a byte order mark": ("\ufeff" + WEB, ["x:1 ConfigMap"]),
}

REFUSED = {
    "no object": (
        "a: 1\n",
        [
            "x:1: the document is neither a Kubernetes object nor a collection of them, because of a:\n      a: 1"
        ],
    ),
    "no kind": (
        f"{WEB}---\napiVersion: v1\n",
        ["x:5: the document has apiVersion v1 but no kind:\n      apiVersion: v1"],
    ),
    "an odd item": (f"{LISTED}- 3\n", ["x:1: items[2] is a number, not a Kubernetes object: 3"]),
    "bad YAML": (
        f"{WEB}---\na: [1\n",
        ["x:6: is not YAML: while parsing a flow sequence, did not find expected ',' or ']'"],
    ),
    "bad JSON": ('{"apiVersion":"v1","kind":"Pod"}\n{"a":}\n', ["x:2: is not JSON: Expecting value"]),
    "a control character": ("a: b\nc: \x01\n", ["x:2: holds a character that YAML does not allow"]),
    "an alias": ("a: &x b\nc: *x\n", ["x:2: has an alias; write the value out"]),
    "a key twice": (f"{WEB}kind: Pod\n", ["x:4: has the key kind twice"]),
    "a list as key": ("? [1]\n: a\n", ["x:1: has a key that is no text"]),
    "a tag": ("a: !x b\n", ["x:1: has the tag !x"]),
    "deep": ("[" * 65, ["x:1: is nested more than 64 levels deep"]),
    "deep JSON": ('{"a":' * 100_000, ["x:1: is nested more than 64 levels deep"]),
    "an escape": ('a: "\\UFFFFFFFF"\n', ["x:1: is not YAML"]),
}


@pytest.mark.parametrize("name", READ)
def test_objects_are_found_with_their_places(name: str) -> None:
    """Each object with the line that it begins in; those of one JSON value with the line of that."""
    text, wanted = READ[name]
    assert [f"{each.place} {each.value['kind']}" for each in read_objects(text.encode(), "x")] == wanted


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_with_its_line(name: str) -> None:
    """Never a crash, whatever the bytes."""
    text, wanted = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_objects(text.encode(), "x")
    error = caught.value
    told = [str(each) for each in error.problems] or [f"{error.place}: {error.summary}"]
    assert len(told) == len(wanted)
    assert all(each.startswith(start) for each, start in zip(told, wanted, strict=True)), told


def test_other_encodings_are_refused() -> None:
    """As PowerShell writes them."""
    with pytest.raises(InputError, match="x:1: is not UTF-8 text"):
        read_objects(WEB.encode("utf-16"), "x")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), VALUES), max_size=3))
def test_yaml_and_json_say_the_same(bodies: list[dict[str, Any]]) -> None:
    """What PyYAML and Python write, one document after the other, is read back as it was."""
    objects = [{"apiVersion": "v1", "kind": "ConfigMap", **each} for each in bodies]
    as_json = "\n".join(json.dumps(each) for each in objects)
    as_yaml = yaml.safe_dump_all(objects)
    for text in (as_json, as_yaml):
        assert [each.value for each in read_objects(text.encode(), "x")] == objects


@given(st.text() | st.binary())
def test_no_bytes_break_the_reader(data: str | bytes) -> None:
    """Objects or an InputError."""
    try:
        read_objects(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, "x")
    except InputError:
        return
