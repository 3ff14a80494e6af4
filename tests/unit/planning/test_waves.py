"""The order in which objects are applied and pruned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.waves import component_levels, order, reverse_order


def entry(kind: str, name: str = "x", component: str = "web") -> InventoryEntry:
    short, _, group = kind.partition(".")
    return InventoryEntry(ObjectId(group, short, "", name), component, "1")


def shown(waves: tuple[tuple[InventoryEntry, ...], ...]) -> list[str]:
    return [" ".join(f"{each.component}/{each.id.kind}" for each in wave) for wave in waves]


def test_kinds_go_in_the_order_in_which_they_need_each_other() -> None:
    """One object of each rank, given in any order."""
    kinds = [
        "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
        "Model.ai.example.com",
        "Ingress.networking.k8s.io",
        "Deployment.apps",
        "Service",
        "PersistentVolumeClaim",
        "Secret",
        "RoleBinding.rbac.authorization.k8s.io",
        "Role.rbac.authorization.k8s.io",
        "ServiceAccount",
        "CustomResourceDefinition.apiextensions.k8s.io",
        "Namespace",
    ]
    entries = [entry(kind) for kind in kinds]
    expected = [f"web/{kind.partition('.')[0]}" for kind in reversed(kinds)]
    assert shown(order(entries, {})) == expected
    assert shown(reverse_order(entries, {})) == expected[::-1]


def test_components_go_before_those_that_depend_on_them() -> None:
    """A whole component comes before the first object of one that needs it."""
    entries = [
        entry("Namespace", component="web"),
        entry("Deployment.apps", component="db"),
        entry("Secret", component="job"),
    ]
    assert shown(order(entries, {"web": ["db"], "db": [], "job": ["nowhere"]})) == [
        "job/Secret",
        "db/Deployment",
        "web/Namespace",
    ]


def test_objects_of_one_rank_go_at_once() -> None:
    """Sorted by identity inside a wave."""
    entries = [entry("Secret", "b"), entry("ConfigMap", "c"), entry("Secret", "a")]
    assert [[str(each.id) for each in wave] for wave in order(entries, {})] == [
        ["ConfigMap c", "Secret a", "Secret b"]
    ]


@pytest.mark.parametrize(
    ("depends_on", "circle"),
    [
        pytest.param({"a": ["a"]}, "a -> a", id="itself"),
        pytest.param({"a": ["b"], "b": ["a"]}, "a -> b -> a", id="two"),
        pytest.param(
            {"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}, "b -> c -> d -> b", id="behind another"
        ),
    ],
)
def test_a_circle_is_named(depends_on: dict[str, list[str]], circle: str) -> None:
    """The error says who depends on whom."""
    with pytest.raises(InputError) as caught:
        component_levels(depends_on)
    assert caught.value.summary == f"components depend on each other in a circle: {circle}"


@given(st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefgh"))))
def test_levels_rise_along_every_dependency(graph: dict[str, set[str]]) -> None:
    """Whatever depends on something stands higher, or there is a circle."""
    acyclic = {name: [dep for dep in sorted(deps) if dep > name] for name, deps in graph.items()}
    levels = component_levels(acyclic)
    assert all(levels[name] > levels[dep] for name, deps in acyclic.items() for dep in deps if dep in acyclic)
    assert set(levels) == set(acyclic)


def test_a_chain_of_a_thousand_components_is_no_problem() -> None:
    """No recursion, so no limit on depth."""
    chain = {f"{number:04}": [f"{number + 1:04}"] for number in range(1000)}
    assert component_levels(chain)["0000"] == 999
