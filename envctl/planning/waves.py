"""The order of objects: by steps, then by kind. The objects of one wave go at once."""

from collections.abc import Iterable, Mapping, Sequence

from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.steps import Step, Steps, component_levels

# Each line may only need what stands on the lines above it.
_ORDER: Sequence[Sequence[tuple[str, str]]] = (
    (("", "Namespace"),),
    (("apiextensions.k8s.io", "CustomResourceDefinition"),),
    (
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "StorageClass"),
        ("storage.k8s.io", "CSIDriver"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
        ("networking.k8s.io", "IngressClass"),
        ("gateway.networking.k8s.io", "GatewayClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("resource.k8s.io", "DeviceClass"),
        ("", "ResourceQuota"),
        ("", "LimitRange"),
        ("", "ServiceAccount"),
        ("networking.k8s.io", "NetworkPolicy"),
    ),
    (
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
    ),
    (
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ),
    (
        # A claim waits for its volume by itself. Services stand before the pods that get their addresses as
        # variables; each takes the server long, and in between it can store the others.
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "Service"),
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
    ),
    (
        ("", "Pod"),
        ("", "ReplicationController"),
        ("apps", "ReplicaSet"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("batch", "Job"),
        ("batch", "CronJob"),
    ),
    (
        ("networking.k8s.io", "Ingress"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("policy", "PodDisruptionBudget"),
    ),
    (),  # every other kind, custom resources first among them
    (
        # Served by workloads of the same commit; in force any earlier they would stop them.
        ("apiregistration.k8s.io", "APIService"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ),
)
_RANKS = {kind: rank for rank, kinds in enumerate(_ORDER) for kind in kinds}
_OTHERS = _ORDER.index(())

NO_STEPS = Steps()
Waves = tuple[tuple[InventoryEntry, ...], ...]


def kind_rank(key: ObjectId) -> int:
    """The place of an object's kind in the order; kinds of one rank do not need each other."""
    return _RANKS.get((key.group, key.kind), _OTHERS)


def order(entries: Iterable[InventoryEntry], steps: Steps = NO_STEPS) -> Waves:
    """Entries in waves: by the level of their step, then by kind; sorted by identity inside a wave."""
    waves: dict[tuple[int, int], list[InventoryEntry]] = {}
    for entry in entries:
        waves.setdefault((steps.level(step_of(entry)), kind_rank(entry.id)), []).append(entry)
    return tuple(tuple(sorted(waves[key], key=lambda entry: entry.id)) for key in sorted(waves))


def reverse_order(entries: Iterable[InventoryEntry], depends_on: Mapping[str, Sequence[str]]) -> Waves:
    """Entries in the order in which they are pruned: what needs others goes before them.

    What left the branch may have stood in an order that is a circle by now, so components count
    before waves here.
    """
    depths = component_levels(depends_on)
    waves: dict[tuple[int, int, int], list[InventoryEntry]] = {}
    for entry in entries:
        place = (depths.get(entry.component, 0), entry.wave, kind_rank(entry.id))
        waves.setdefault(place, []).append(entry)
    keys = sorted(waves, reverse=True)
    return tuple(tuple(sorted(waves[key], key=lambda entry: entry.id)) for key in keys)


def step_of(entry: InventoryEntry) -> Step:
    """The step that an entry belongs to."""
    return Step(entry.component, entry.wave)
