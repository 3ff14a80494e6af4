"""What must hold after every fault of the agent: the API server's audit log and what lies in it are the witnesses."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envctl.kube.cluster import KubeCluster
from envctl.model.cluster import ResourceType
from tests.support.apiproxy import Exchange

KINDS = (
    ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True),
    ResourceType("", "v1", "Secret", "secrets", namespaced=True),
    ResourceType("", "v1", "Service", "services", namespaced=True),
    ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True),
)
_WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_VOLATILE = frozenset({"resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"})


@dataclass(frozen=True)
class Write:
    """A request that may have changed something, as the API server logged it."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    status: int

    @property
    def object(self) -> str:
        return f"{self.resource}/{self.name}"


def writes(log: Path, by: str = "", since: int = 0) -> list[Write]:
    """All writes of a user (empty: of all) in an audit log, dry runs left out, in the order of their answers."""
    found = []
    for line in log.read_text().splitlines()[since:]:
        try:
            entry = json.loads(line)
        except ValueError:  # the server was killed while it wrote this line
            continue
        user, target = entry["user"]["username"], entry.get("objectRef", {})
        if entry["verb"] in _WRITING and by in ("", user) and "dryRun=" not in entry["requestURI"]:
            words = (target.get(name, "") for name in ("resource", "namespace", "name"))
            found.append(Write(user, entry["verb"], *words, entry.get("responseStatus", {}).get("code", 0)))
    return found


def state(kube: KubeCluster, namespace: str, kinds: Iterable[ResourceType] = KINDS) -> Mapping[str, Any]:
    """All objects of a namespace without what differs between two runs of the same; names of the run are masked."""
    return {
        f"{kind.kind}/{each['metadata']['name']}": _essence(each, namespace)
        for kind in kinds
        for each in kube.list(kind, namespace=namespace).items
    }


def _essence(value: Any, namespace: str) -> Any:
    metadata = {name: each for name, each in value["metadata"].items() if name not in _VOLATILE}
    labels = metadata.get("labels", {}) | {}
    metadata["labels"] = dict.fromkeys(labels, "") if labels else {}
    return json.loads(json.dumps({**value, "metadata": metadata}).replace(namespace, "NAMESPACE"))


def sequences(exchanges: Iterable[Exchange]) -> list[int]:
    """The sequence numbers that the agent reported, in the order of its reports."""
    found = []
    for each in exchanges:
        if each.method == "PATCH" and "/environments/" in each.target and "/status" in each.target:
            number = json.loads(each.body).get("status", {}).get("sequence")
            found += [number] if number else []
    return found


def assert_oracle(
    *,
    found: Mapping[str, Any],
    expected: Mapping[str, Any],
    written: Iterable[Write],
    allowed: Iterable[str],
    kept: Iterable[str],
    said: str,
    canary: str,
    reported: Iterable[int],
) -> None:
    """The oracle of the agent's fault matrix.

    (a), (e) `found`, the state of the objects' namespace, is `expected`, that of a run without the
    fault. (b) every object that was `written` is `allowed` (``resource/name``). (c) nothing that is
    always `kept` on the branch was deleted. (d) the `canary`, plain or in base64, is in nothing that
    was `said`. (f) the sequence that was `reported` never goes back. (g) `written` is from the
    audit log.
    """
    written, reported = list(written), list(reported)
    assert found == expected
    assert {each.object for each in written if each.status < 300} <= set(allowed)
    assert {each.object for each in written if each.verb.startswith("delete")} & set(kept) == set()
    for secret in (canary, base64.b64encode(canary.encode()).decode()):
        assert secret not in said
    assert reported == sorted(reported)
