"""From evaluated components to the objects of a deploy tree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.manifests.build import ComponentValue, build
from envctl.manifests.text import from_yaml
from envctl.model.objects import ObjectId, RenderedObject
from envctl.model.settings import SizeLimits

RBAC = "rbac.authorization.k8s.io"


def obj(name: str, kind: str = "ConfigMap", api_version: str = "v1", **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def built(limits: SizeLimits | None = None, **values: Any) -> tuple[RenderedObject, ...]:
    components = [ComponentValue(name, value, "prod") for name, value in values.items()]
    return build(components, limits or SizeLimits())


def refusal(limits: SizeLimits | None = None, **values: Any) -> str:
    with pytest.raises(InputError) as caught:
        built(limits, **values)
    return str(caught.value)


def test_objects_come_out_named_written_and_sorted_by_path() -> None:
    """The whole result of a small component."""
    text = b'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: prod\ndata:\n  x: "1"\n'
    value = {**obj("a", data={"x": "1"}), "metadata": {"name": "a", "namespace": "prod"}}
    role = obj("system:r", "ClusterRole", f"{RBAC}/v1")
    assert built(web={"z": [obj("a", data={"x": "1"})], "b": role, "n": None}) == (
        RenderedObject(
            ObjectId(RBAC, "ClusterRole", "", "system:r"),
            "web",
            "$.b",
            f"web/_cluster/ClusterRole.{RBAC}_system%3Ar.yaml",
            role,
            b"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: system:r\n",
        ),
        RenderedObject(
            ObjectId("", "ConfigMap", "prod", "a"), "web", "$.z[0]", "web/prod/ConfigMap_a.yaml", value, text
        ),
    )


def test_a_definition_in_one_component_scopes_the_objects_of_another() -> None:
    """CRDs are looked for in the whole render."""
    spec = {"group": "a.io", "names": {"kind": "Tree"}, "scope": "Cluster"}
    crd = obj("trees.a.io", "CustomResourceDefinition", "apiextensions.k8s.io/v1", spec=spec)
    assert [each.path for each in built(forest=obj("oak", "Tree", "a.io/v1"), operator=crd)] == [
        "forest/_cluster/Tree.a.io_oak.yaml",
        "operator/_cluster/CustomResourceDefinition.apiextensions.k8s.io_trees.a.io.yaml",
    ]


def test_every_problem_of_every_component_is_named_in_one_pass() -> None:
    """The whole message: component, path, reason, next step."""
    message = refusal(
        web={"a": obj("A"), "b": obj("b"), "c": obj("c", data={"x": float("inf"), "y": "\ud800"})},
        db={"b": [obj("b")], "kind": "Pod"},
        api={"b": obj("b", api_version="v2")},
    )
    assert message == (
        """\
5 problems in the rendered objects
  db $: has kind Pod but no apiVersion:
      b:
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: b
      kind: Pod (add apiVersion)
  web $.a: ConfigMap metadata.name 'A' is not allowed; the API server wants lower-case letters, digits, - and ., with letters or digits at the ends
  web $.c.data.x: is not a finite number
  web $.c.data.y: has half of a surrogate pair, which is no character
  api $.b: ConfigMap prod/b is also at web $.b (keep it in one place)"""
    )


def test_one_problem_is_one_problem() -> None:
    """The heading counts."""
    assert refusal(web=5).startswith("1 problem in the rendered objects\n")


def test_two_objects_with_one_identity_are_refused_whatever_their_version() -> None:
    """Within a component and across; an apiVersion that moved is the same object."""
    old, new = obj("w", "CronJob", "batch/v1beta1"), obj("w", "CronJob", "batch/v1")
    assert refusal(a=[old, new], b=new).split("\n")[1:] == [
        "  a $[1]: CronJob.batch prod/w is also at a $[0] (keep it in one place)",
        "  b $: CronJob.batch prod/w is also at a $[0] (keep it in one place)",
    ]


def test_paths_that_differ_by_case_only_are_refused() -> None:
    """A checkout on macOS or Windows would lose one of them."""
    roles = [obj(name, "ClusterRole", f"{RBAC}/v1") for name in ("system:Foo", "system:foo")]
    path = f"web/_cluster/ClusterRole.{RBAC}_system%3A"
    assert refusal(web=roles).split("\n")[1:] == [
        f"  web $[1]: {path}foo.yaml and {path}Foo.yaml (from web $[0]) differ by case only (rename one of the objects)"
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("caf\u00e9", "cafe\u0301", id="composed and decomposed"),
        pytest.param("caf\u00e9", "CAFE\u0301", id="and case"),
        pytest.param("stra\u00dfe", "STRASSE", id="sharp s"),
        pytest.param("\u212b", "\u00e5", id="Angstrom sign"),
        pytest.param("\u1e9b\u0323", "\u1e69", id="long s with two dots"),
        pytest.param("\u03c3", "\u03c2", id="final sigma"),
    ],
)
def test_names_that_differ_by_unicode_form_only_are_refused(one: str, other: str) -> None:
    """Both sources are named; nobody who reads the two names could tell them apart.

    Writer's fault row 11: both objects are named.
    """
    left, right = (obj(name, "ClusterRole", f"{RBAC}/v1") for name in (one, other))
    paths = [built(web=each)[0].path for each in (left, right)]
    reason = f"{paths[1]} and {paths[0]} (from web $[0]) differ by case or Unicode form only"
    assert refusal(web=[left, right]).split("\n")[1:] == [f"  web $[1]: {reason} (rename one of the objects)"]


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        pytest.param(
            SizeLimits(object_bytes=100),
            "web $.a: ConfigMap prod/a is 181 bytes long; the limit is 100 "
            "(split it, or raise limits.objectBytes in envctl.yaml)",
            id="one object",
        ),
        pytest.param(
            SizeLimits(commit_bytes=200),
            "all objects are 250 bytes long; the limit is 200 "
            "(ConfigMap prod/a at web $.a is the largest, with 181; raise limits.commitBytes in envctl.yaml)",
            id="all objects",
        ),
        pytest.param(
            SizeLimits(objects=1),
            "there are 2 objects; the limit is 1 (2 are of web; raise limits.objects in envctl.yaml)",
            id="number",
        ),
    ],
)
def test_limits_are_named_with_the_setting_that_raises_them(limits: SizeLimits, problem: str) -> None:
    """Better here than as a 413 from the API server."""
    assert refusal(limits, web={"a": obj("a", data={"x": "y" * 100}), "b": obj("b")}).split("\n")[1:] == [
        f"  {problem}"
    ]


NAMES = st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), unique=True, max_size=6)


@given(NAMES, st.randoms(use_true_random=False))
def test_the_result_does_not_depend_on_order(names: list[str], random: Any) -> None:
    """Neither of components nor of fields."""
    values = {name: {f"f{each}": obj(f"{name}-{each}") for each in range(3)} for name in names}
    mixed = list(values.items())
    random.shuffle(mixed)
    again = {name: dict(reversed(value.items())) for name, value in mixed}
    assert built(**values) == built(**again)


def test_what_the_settings_let_through_can_be_read_again() -> None:
    """The agent and the diff read what a render wrote, so no setting goes beyond what they take."""
    limits = SizeLimits(object_bytes=64 << 20)
    (made,) = build([ComponentValue("web", obj("a", spec={"big": "x" * (2 << 20)}), "prod")], limits)
    assert from_yaml(made.text, made.path) == made.value
    with pytest.raises(InputError) as caught:
        build([ComponentValue("web", obj("a", data={"big": "x" * (8 << 20)}), "prod")], limits)
    assert [str(each) for each in caught.value.problems] == [
        "web $: ConfigMap prod/a is 8,388,691 bytes long; the limit is 8,388,608 (split it)"
    ]
