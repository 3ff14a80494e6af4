"""The order in which objects are applied and pruned."""

from dataclasses import replace

from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.steps import steps_of
from envctl.planning.waves import order, reverse_order, step_of


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
        "RoleBinding.rbac.authorization.k8s.io",
        "Role.rbac.authorization.k8s.io",
        "ServiceAccount",
        "CustomResourceDefinition.apiextensions.k8s.io",
        "Namespace",
    ]
    entries = [entry(kind) for kind in kinds]
    expected = [f"web/{kind.partition('.')[0]}" for kind in reversed(kinds)]
    assert shown(order(entries)) == expected
    assert shown(reverse_order(entries, {})) == expected[::-1]


def test_steps_go_before_those_that_need_them() -> None:
    """A whole component comes before the first object of one that needs it, a wave before the next one."""
    entries = [
        entry("Namespace", component="web"),
        replace(entry("Namespace", component="web"), wave=1),
        entry("Deployment.apps", component="db"),
        entry("Secret", component="job"),
    ]
    depends_on = {"web": ["db"], "db": [], "job": ["nowhere"]}
    steps = steps_of(map(step_of, entries), depends_on)
    assert shown(order(entries, steps)) == ["job/Secret", "db/Deployment", "web/Namespace", "web/Namespace"]
    assert [[each.wave for each in wave] for wave in order(entries, steps)][-2:] == [[0], [1]]
    assert shown(reverse_order(entries, depends_on)) == [
        "web/Namespace",
        "web/Namespace",
        "db/Deployment",
        "job/Secret",
    ]


def test_objects_of_one_rank_go_at_once() -> None:
    """Sorted by identity inside a wave."""
    kinds = ("Service", "Secret", "PersistentVolumeClaim", "PersistentVolume", "ConfigMap")
    entries = [*map(entry, kinds), entry("Secret", "a")]
    assert [[str(each.id) for each in wave] for wave in order(entries)] == [
        ["ConfigMap x", "PersistentVolume x", "PersistentVolumeClaim x", "Secret a", "Secret x", "Service x"]
    ]
