"""Which kinds live in a namespace: the built-in kinds of Kubernetes 1.35, and the CRDs of a render.

Source: the paths of Kubernetes' published OpenAPI document, api/openapi-spec/swagger.json,
release 1.35; the last lines are CRDs that SIGs of the Kubernetes project publish.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from envctl.model.values import JsonObject, JsonValue

_CLUSTER: Final[Mapping[str, str]] = {
    "": "Namespace Node PersistentVolume",
    "admissionregistration.k8s.io": (
        "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration "
        "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration"
    ),
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "apiregistration.k8s.io": "APIService",
    "authentication.k8s.io": "SelfSubjectReview TokenReview",
    "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
    "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
    "internal.apiserver.k8s.io": "StorageVersion",
    "networking.k8s.io": "IPAddress IngressClass ServiceCIDR",
    "node.k8s.io": "RuntimeClass",
    "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
    "resource.k8s.io": "DeviceClass DeviceTaintRule ResourceSlice",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
    "storagemigration.k8s.io": "StorageVersionMigration",
    "gateway.networking.k8s.io": "GatewayClass",
    "snapshot.storage.k8s.io": "VolumeSnapshotClass VolumeSnapshotContent",
}
_NAMESPACED: Final[Mapping[str, str]] = {
    "": (
        "Binding ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate "
        "ReplicationController ResourceQuota Secret Service ServiceAccount"
    ),
    "apps": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "authorization.k8s.io": "LocalSubjectAccessReview",
    "autoscaling": "HorizontalPodAutoscaler",
    "batch": "CronJob Job",
    "certificates.k8s.io": "PodCertificateRequest",
    "coordination.k8s.io": "Lease LeaseCandidate",
    "discovery.k8s.io": "EndpointSlice",
    "events.k8s.io": "Event",
    "networking.k8s.io": "Ingress NetworkPolicy",
    "policy": "PodDisruptionBudget",
    "rbac.authorization.k8s.io": "Role RoleBinding",
    "resource.k8s.io": "ResourceClaim ResourceClaimTemplate",
    "scheduling.k8s.io": "Workload",
    "storage.k8s.io": "CSIStorageCapacity",
}
_CRD: Final = ("apiextensions.k8s.io", "CustomResourceDefinition")

_BUILT_IN: Final[Mapping[tuple[str, str], bool]] = {
    (group, kind): namespaced
    for table, namespaced in ((_CLUSTER, False), (_NAMESPACED, True))
    for group, kinds in table.items()
    for kind in kinds.split()
}


@dataclass(frozen=True, slots=True)
class Scopes:
    """What is known about the scopes of kinds: the built-in ones, and those that CRDs define."""

    custom: Mapping[tuple[str, str], bool] = field(default_factory=dict)

    def is_namespaced(self, group: str, kind: str) -> bool | None:
        """Whether objects of a kind live in a namespace; None where nothing says so."""
        key = (group, kind)
        return _BUILT_IN[key] if key in _BUILT_IN else self.custom.get(key)


def is_built_in(group: str, kind: str) -> bool:
    """Whether a kind's scope is known without any CRD."""
    return (group, kind) in _BUILT_IN


def scopes_of(values: Iterable[JsonObject]) -> Scopes:
    """The scopes that the CustomResourceDefinitions among these objects add."""
    custom: dict[tuple[str, str], bool] = {}
    for value in values:
        if (group_of(value), value.get("kind")) == _CRD:
            spec = _mapping(value.get("spec"))
            names = _mapping(spec.get("names"))
            custom[str(spec.get("group")), str(names.get("kind"))] = spec.get("scope") != "Cluster"
    return Scopes(custom)


def group_of(value: JsonObject) -> str:
    """The API group of an object, empty for the core group."""
    return str(value.get("apiVersion")).rpartition("/")[0]


def _mapping(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
