"""Sizes that no API server stores."""

import base64
from typing import Any

import pytest

from envctl.errors import InputError
from envctl.manifests.build import ComponentValue, build
from envctl.manifests.limits import MAX_ANNOTATIONS, MAX_DATA, is_too_long, over_limits
from envctl.manifests.text import to_yaml
from envctl.model.objects import ObjectId
from envctl.model.settings import SizeLimits

MIB = 1 << 20


def value(
    kind: str = "ConfigMap", api: str = "v1", *, annotations: Any = None, **content: Any
) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "b", **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def coded(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "small": (value(data={"a": "x"}), ()),
    "data that just fits": (value(data={"a": "x" * (MAX_DATA - 1)}), ()),
    "data": (
        value(data={"a": "x" * MAX_DATA}),
        ("has data of 1,048,577 bytes; the API server takes 1,048,576",),
    ),
    "letters of several bytes": (
        value(data={"a": "é" * (MAX_DATA // 2)}),
        ("has data of 1,048,577 bytes; the API server takes 1,048,576",),
    ),
    "binary data that fits": (value(binaryData={"a": coded(MAX_DATA)}), ()),
    "binary data": (
        value(binaryData={"a": coded(MAX_DATA + 3)}),
        ("has data of 1,048,579 bytes; the API server takes 1,048,576",),
    ),
    "a Secret": (
        value("Secret", data={"a": coded(MAX_DATA + 3)}),
        ("has data of 1,048,579 bytes; the API server takes 1,048,576",),
    ),
    "a Secret of another group": (value("Secret", "x.io/v1", data={"a": "x" * (MAX_DATA + 1)}), ()),
    "annotations": (
        value(annotations={"a": "x" * MAX_ANNOTATIONS}),
        ("has annotations of 262,145 bytes; the API server takes 262,144",),
    ),
    "a custom resource": (
        value("Widget", "x.io/v1", spec={"a": "x" * (3 * MIB // 2)}),
        ("is 1,572,960 bytes long as JSON; etcd takes 1,572,864",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_too_large_is_told_with_the_limit(name: str) -> None:
    """Each limit by itself."""
    found, reasons = CASES[name]
    assert over_limits(found, len(to_yaml(found))) == reasons


def test_a_small_text_is_not_looked_at() -> None:
    """The check costs nothing for nearly all objects."""
    assert over_limits(value(data={"a": "x" * MAX_DATA * 2}), 100) == ()


def test_the_render_refuses_what_the_server_would() -> None:
    """Agent's fault row 67: at render, where the limit of an object was raised."""
    large = value(data={"a": "x" * MAX_DATA})
    with pytest.raises(InputError) as caught:
        build([ComponentValue("web", {"large": large}, "b")], SizeLimits(object_bytes=8 * MIB))
    assert [str(each) for each in caught.value.problems] == [
        "web $.large: ConfigMap b/a has data of 1,048,577 bytes; the API server takes 1,048,576 (split it)"
    ]


@pytest.mark.parametrize(
    ("key", "long"),
    [
        pytest.param(ObjectId("g" * 253, "K" * 63, "n" * 63, "a" * 253), False, id="as long as can be"),
        pytest.param(ObjectId("g" * 254, "K", "n", "a"), True, id="its group"),
        pytest.param(ObjectId("", "K" * 64, "n", "a"), True, id="its kind"),
        pytest.param(ObjectId("", "K", "n" * 64, "a"), True, id="its namespace"),
        pytest.param(ObjectId("", "K", "n", "a" * 254), True, id="its name"),
        pytest.param(ObjectId("", "K", "n", "é" * 127), True, id="in bytes, as the API server counts"),
    ],
)
def test_longer_names_than_a_cluster_can_have_are_told(key: ObjectId, *, long: bool) -> None:
    """The agent's inventory has room for those that it can have."""
    assert is_too_long("web", key) is long


def test_a_component_is_named_no_longer_than_a_folder() -> None:
    """Each entry of the inventory carries it."""
    key = ObjectId("", "ConfigMap", "n", "a")
    assert [is_too_long("c" * length, key) for length in (255, 256)] == [False, True]
