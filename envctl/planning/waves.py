"""The order of objects: by component dependencies, then by kind. The objects of one wave go at once."""

from collections.abc import Iterable, Mapping, Sequence

from envctl.errors import InputError
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId

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
    (("", "ConfigMap"), ("", "Secret"), ("", "PersistentVolume")),
    (("", "PersistentVolumeClaim"),),
    (("", "Service"), ("", "Endpoints"), ("discovery.k8s.io", "EndpointSlice")),
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

Waves = tuple[tuple[InventoryEntry, ...], ...]


def kind_rank(key: ObjectId) -> int:
    """The place of an object's kind in the order; kinds of one rank do not need each other."""
    return _RANKS.get((key.group, key.kind), _OTHERS)


def component_levels(depends_on: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """How deep each component stands: 0 without dependencies, else one more than the deepest of them.

    Dependencies that are not among the keys are left out. Raises InputError with the circle
    where components depend on each other in one.
    """
    levels: dict[str, int] = {}
    for start in sorted(depends_on):
        path = [start]
        while path:
            name = path[-1]
            open_ones = sorted(dep for dep in depends_on[name] if dep in depends_on and dep not in levels)
            if not open_ones:
                levels[name] = max((levels[dep] + 1 for dep in depends_on[name] if dep in levels), default=0)
                path.pop()
            elif open_ones[0] in path:
                circle = " -> ".join([*path[path.index(open_ones[0]) :], open_ones[0]])
                raise InputError(
                    f"components depend on each other in a circle: {circle}",
                    hint="take one of these names out of a dependsOn",
                )
            else:
                path.append(open_ones[0])
    return levels


def order(entries: Iterable[InventoryEntry], depends_on: Mapping[str, Sequence[str]]) -> Waves:
    """Entries in waves: by the level of their component, then by kind; sorted by identity inside a wave.

    Raises InputError for a circle in `depends_on`.
    """
    levels = component_levels(depends_on)
    waves: dict[tuple[int, int], list[InventoryEntry]] = {}
    for entry in entries:
        waves.setdefault((levels.get(entry.component, 0), kind_rank(entry.id)), []).append(entry)
    return tuple(tuple(sorted(waves[key], key=lambda entry: entry.id)) for key in sorted(waves))


def reverse_order(entries: Iterable[InventoryEntry], depends_on: Mapping[str, Sequence[str]]) -> Waves:
    """Entries in the order in which they are pruned: what needs others goes before them."""
    return tuple(reversed(order(entries, depends_on)))
