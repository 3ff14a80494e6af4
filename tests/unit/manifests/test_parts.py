"""Parts of components: joined, they are the tree of all files; joined only where nothing is in doubt."""

from typing import Any

import pytest

from envctl.manifests.build import ComponentValue, build
from envctl.manifests.gitids import blob_id, tree_id
from envctl.manifests.kinds import Scopes
from envctl.manifests.parts import Part, definitions, joined_scopes, joined_tree, may_join, part_of
from envctl.manifests.paths import COMPONENTS_FILE
from envctl.model.settings import SizeLimits

THING = ("example.com", "Thing")


def config_map(name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **fields}


def crd(scope: str) -> dict[str, Any]:
    spec = {"group": THING[0], "scope": scope, "names": {"kind": THING[1]}}
    meta = {"name": "things.example.com"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": spec,
    }


def made(component: str, value: Any, scopes: Scopes | None = None) -> Part:
    scopes = scopes or Scopes()
    objects = build([ComponentValue(component, value, "prod")], SizeLimits(), scopes)
    return part_of(component, "prod", objects, scopes)


def test_joined_parts_are_the_tree_of_all_files() -> None:
    """The id of the joined tree is the id of the tree that holds every file."""
    values = {"web": [config_map("b"), config_map("a")], "a.b": [config_map("c")], "none": []}
    parts = [made(name, value) for name, value in values.items()]
    objects = build([ComponentValue(name, value, "prod") for name, value in values.items()], SizeLimits())
    blobs = {each.path: blob_id(each.text) for each in objects}
    assert joined_tree(parts, b"{}\n") == tree_id({**blobs, COMPONENTS_FILE: blob_id(b"{}\n")})


DOUBTS = [
    pytest.param([("a", ["x"]), ("b", ["y"])], SizeLimits(), True, id="different objects"),
    pytest.param([("a", ["x"]), ("b", ["x"])], SizeLimits(), False, id="one object in two components"),
    pytest.param([("a", ["x"]), ("A", ["y"])], SizeLimits(), False, id="folders that differ by case only"),
    pytest.param([("a", ["x", "y"])], SizeLimits(objects=1), False, id="too many objects"),
    pytest.param([("a", ["x"])], SizeLimits(object_bytes=10), False, id="an object too large"),
    pytest.param([("a", ["x"]), ("b", ["y"])], SizeLimits(commit_bytes=100), False, id="too large together"),
]


@pytest.mark.parametrize(("components", "limits", "joined"), DOUBTS)
def test_parts_are_joined_only_without_doubt(
    components: list[tuple[str, list[str]]], limits: SizeLimits, *, joined: bool
) -> None:
    """Whatever all objects together would be refused for is never joined."""
    parts = [made(name, [config_map(each) for each in names]) for name, names in components]
    assert may_join(parts, limits) is joined


FITS = [
    pytest.param("prod", {}, True, id="the same environment"),
    pytest.param("dev", {}, False, id="another default namespace"),
    pytest.param("prod", {THING: False}, False, id="a definition that came"),
    pytest.param("prod", {("example.com", "Other"): False}, True, id="a definition of another kind"),
]


@pytest.mark.parametrize(("namespace", "custom", "fits"), FITS)
def test_a_part_fits_where_it_would_be_built_the_same(
    namespace: str, custom: dict[tuple[str, str], bool], *, fits: bool
) -> None:
    """The default namespace and the answers of CRDs decide, and no other CRD."""
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}
    assert made("a", [config_map("x"), thing]).fits(namespace, Scopes(custom)) is fits


def test_the_last_component_that_defines_a_kind_decides() -> None:
    """Scopes join in the order of components, as if all objects were read at once."""
    found = [definitions([crd("Cluster")]), definitions([crd("Namespaced")])]
    assert joined_scopes(found).custom == {THING: True}
    assert joined_scopes(reversed(found)).custom == {THING: False}
