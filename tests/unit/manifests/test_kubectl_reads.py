"""kubectl reads what we write. The marker is for the Go toolchain that builds its reader; no cluster runs."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.manifests.text import to_yaml
from tests.support.kubectl_reader import READERS, KubectlReader, kubectl_reader

pytestmark = pytest.mark.controlplane

WORDS = "<< = ~ null yes on y 1e3 0o7 010 1:20 1_000 0x1f .inf .nan 2026-01-02 --- ... # - : | > % @ ` +1 1. 0b1 NO Off ? ! & *"
TEXT = (
    st.text(max_size=20)
    | st.sampled_from(WORDS.split())
    | st.text(alphabet="aA0 1-.:#'\"\\|>%@{}[],\n\t\r_~=yesno\x00\x85\u2028\ufeff\U0001f600", max_size=12)
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=25,
)
OBJECTS = st.dictionaries(TEXT | st.sampled_from(["kind", "apiVersion", "metadata"]), VALUES, max_size=6)


@pytest.fixture(scope="module")
def reader() -> Iterator[KubectlReader]:
    """One process for all examples."""
    with kubectl_reader() as running:
        yield running


def told_apart(value: Any) -> Any:
    """A value in which true differs from 1. Go writes 9223372036854776000 for the float next to 2^63."""
    if isinstance(value, dict):
        return {key: told_apart(each) for key, each in value.items()}
    if isinstance(value, list):
        return [told_apart(each) for each in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return (False, float(value))
    return (isinstance(value, bool), value)


@settings(max_examples=1000, deadline=None)
@given(value=OBJECTS)
def test_kubectl_reads_the_value_that_was_written(reader: KubectlReader, value: dict[str, Any]) -> None:
    """kubectl's decoder, sigs.k8s.io/yaml in both modes and go.yaml.in/yaml/v3, each exactly."""
    expected = told_apart(value)
    found = reader.read(to_yaml(value))
    assert {name: told_apart(each) for name, each in found.items()} == dict.fromkeys(READERS, expected)


def test_the_reader_reads_as_kubectl_does_where_yaml_leaves_it_open(reader: KubectlReader) -> None:
    """So the proof above is about the right reader: YAML 1.1 words, and keys twice by mode."""
    assert reader.read(b"a: yes\n")["kubectl"] == {"a": True}
    assert reader.read(b"a: 010\n")["kubectl"] == {"a": 8}
    twice = reader.read(b"a: 1\na: 2\n")
    assert twice["lenient"] == {"a": 2}
    assert str(twice["strict"]).startswith("!")
    assert reader.read(b"a: 1\n---\nb: 2\n")["kubectl"] == "!there is a second document"
