"""The objects that run an agent: account, rights, network policy and workload.

They pass the *restricted* pod security standard
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from envctl.installation.rights import RBAC, Rights, Rule
from envctl.model.values import JsonObject

_STORE = "/var/lib/envctl"
_SECRET = "/etc/envctl/git"  # noqa: S105  a folder
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_USER = 65532
_PORT = 8080


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed: the agent of one environment.

    - `repository`: the URL of the repository that carries the deploy branch.
    - `image`: the container image that has envctl.
    - `secret`: the Secret in the agent's namespace that holds the repository's credentials, "" for none.
    - `arguments`: further words of the command line.
    - `api_ports`: the ports on which the API server is reached, through its Service and directly.
    """

    environment: str
    repository: str
    image: str
    namespace: str
    secret: str = ""
    arguments: tuple[str, ...] = ()
    api_ports: tuple[int, ...] = (443, 6443)
    replicas: int = 1

    @property
    def name(self) -> str:
        """The name of everything that is installed."""
        return f"envctl-agent-{self.environment}"

    @property
    def labels(self) -> Mapping[str, str]:
        """What tells the agent's own objects."""
        return {
            "app.kubernetes.io/name": "envctl-agent",
            "app.kubernetes.io/instance": self.environment,
            "app.kubernetes.io/part-of": "envctl",
        }


def manifests(installation: Installation, rights: Rights) -> tuple[JsonObject, ...]:
    """All objects, in the order in which they are applied. A pure function: the same each time."""
    return (
        _namespace(installation),
        _account(installation),
        *_roles(installation, rights),
        _network_policy(installation),
        _deployment(installation),
    )


def _namespace(installation: Installation) -> JsonObject:
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": installation.namespace,
            "labels": {"app.kubernetes.io/part-of": "envctl", **level},
        },
    }


def _account(installation: Installation) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(installation, installation.namespace),
        "automountServiceAccountToken": False,
    }


def own_rules(environment: str) -> tuple[Rule, ...]:
    """What an agent needs in its own namespace: inventory, lease, its `Environment` object and Events."""
    return (
        Rule("", ("configmaps",), ("create", "get", "list", "update")),
        Rule("coordination.k8s.io", ("leases",), ("create",)),
        Rule("coordination.k8s.io", ("leases",), ("get", "update"), (f"envctl-{environment}",)),
        # To list: a refusal names the environment that has an object.
        Rule("envctl.dev", ("environments",), ("create", "list")),
        Rule("envctl.dev", ("environments",), ("get", "patch"), (environment,)),
        Rule("envctl.dev", ("environments/status",), ("patch",), (environment,)),
        Rule("events.k8s.io", ("events",), ("create", "patch")),
    )


def _roles(installation: Installation, rights: Rights) -> Iterator[JsonObject]:
    own = own_rules(installation.environment)
    namespaced = {name: rules for name, rules in rights.rules.items() if name}
    merged = {
        **namespaced,
        installation.namespace: (*own, *namespaced.get(installation.namespace, ())),
    }
    if cluster := rights.rules.get("", ()):
        yield _role(installation, "", cluster)
        yield _binding(installation, "")
    for namespace, rules in sorted(merged.items()):
        yield _role(installation, namespace, rules)
        yield _binding(installation, namespace)


def _role(installation: Installation, namespace: str, rules: Sequence[Rule]) -> JsonObject:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": _metadata(installation, namespace),
        "rules": [rule.json() for rule in rules],
    }


def _binding(installation: Installation, namespace: str) -> JsonObject:
    kind = "Role" if namespace else "ClusterRole"
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": _metadata(installation, namespace),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": _role_name(installation, namespace)},
        "subjects": [
            {"kind": "ServiceAccount", "name": installation.name, "namespace": installation.namespace}
        ],
    }


def _metadata(installation: Installation, namespace: str) -> JsonObject:
    name = _role_name(installation, namespace)
    place: dict[str, Any] = {"namespace": namespace} if namespace else {}
    return {"name": name, **place, "labels": {**installation.labels}}


def _role_name(installation: Installation, namespace: str) -> str:
    # Cluster roles of agents in several namespaces must not be one and the same.
    return installation.name if namespace else f"{installation.name}.{installation.namespace}"


def _network_policy(installation: Installation) -> JsonObject:
    git = _port(installation.repository)
    ports = sorted({*installation.api_ports, *([git] if git else [])})
    dns = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(installation, installation.namespace),
        "spec": {
            "podSelector": {"matchLabels": {**installation.labels}},
            "policyTypes": ["Ingress", "Egress"],
            # For kubelet and Prometheus; who may ask is not a secret: there are no secrets in the answers.
            "ingress": [{"ports": [{"port": _PORT, "protocol": "TCP"}]}],
            "egress": [
                {"ports": dns},
                {"ports": [{"port": port, "protocol": "TCP"} for port in ports]},
            ],
        },
    }


def _port(repository: str) -> int | None:
    """The TCP port of a repository's server; that of ssh for ``user@host:path``."""
    parts = urlsplit(repository)
    if "://" not in repository:
        return _PORTS["ssh"] if ":" in repository else None
    return parts.port or _PORTS.get(parts.scheme)


def _deployment(installation: Installation) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(installation, installation.namespace),
        "spec": {
            "replicas": installation.replicas,
            "selector": {"matchLabels": {**installation.labels}},
            # The old one gives its Lease back before the new one starts: nobody waits for it to end.
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": {**installation.labels}}, "spec": _pod(installation)},
        },
    }


def _pod(installation: Installation) -> JsonObject:
    secret = installation.secret
    volumes: list[JsonObject] = [{"name": "store", "emptyDir": {"sizeLimit": "2Gi"}}]
    if secret:
        volumes.append({"name": "git", "secret": {"secretName": secret, "defaultMode": 0o440}})
    return {
        "serviceAccountName": installation.name,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(installation)],
        "volumes": volumes,
    }


def _container(installation: Installation) -> JsonObject:
    mounts: list[JsonObject] = [{"name": "store", "mountPath": _STORE}]
    if installation.secret:
        mounts.append({"name": "git", "mountPath": _SECRET, "readOnly": True})
    return {
        "name": "agent",
        "image": installation.image,
        "args": [*_arguments(installation)],
        "ports": [{"name": "http", "containerPort": _PORT}],
        # One that hangs is started anew; one that stands by for another is ready.
        "livenessProbe": _probe("/healthz", timeoutSeconds=5, periodSeconds=20, failureThreshold=3),
        "readinessProbe": _probe("/readyz", timeoutSeconds=5, periodSeconds=10, failureThreshold=1),
        "env": [{"name": "HOME", "value": _STORE}],
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _probe(path: str, **times: int) -> JsonObject:
    return {"httpGet": {"path": path, "port": "http"}, **times}


def _arguments(installation: Installation) -> Iterator[str]:
    yield from ("agent", "--env", installation.environment, "--repo", installation.repository)
    yield from ("--namespace", installation.namespace, "--namespaced", "--store", _STORE)
    if installation.secret:
        yield from ("--credentials", _SECRET)
    yield from ("--listen", f":{_PORT}", "-o", "json")
    yield from installation.arguments
