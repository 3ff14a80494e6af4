"""What must hold after every fault of the agent: the API server's audit log and what lies in it are the witnesses."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envctl.kube.cluster import KubeCluster
from envctl.model.cluster import ResourceType
from envctl.planning.inventory import decode_header

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: RequestResponse
  verbs: [create, update, patch]
  resources:
  - {group: "", resources: [configmaps, events]}
  - {group: events.k8s.io, resources: [events]}
  - {group: coordination.k8s.io, resources: [leases]}
  - {group: envctl.dev, resources: [environments, environments/status]}
- level: Metadata
"""
"""What the log must tell: all requests, and what the agent stored for itself."""
KINDS = (
    ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True),
    ResourceType("", "v1", "Secret", "secrets", namespaced=True),
    ResourceType("", "v1", "Service", "services", namespaced=True),
    ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True),
)
_WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_VOLATILE = frozenset({"resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"})
_ASSIGNED = frozenset({"clusterIP", "clusterIPs"})


@dataclass(frozen=True)
class Write:
    """A request that may have changed something, as the API server logged it. `stored` is what it answered, where it is logged."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    status: int
    stored: Mapping[str, Any] = field(default_factory=dict)

    @property
    def object(self) -> str:
        return f"{self.resource}/{self.name}"

    @property
    def done(self) -> bool:
        """Whether the server did it; where its answer is not known, it may have."""
        return self.status < 300


def writes(log: Path, by: str = "", since: int = 0) -> list[Write]:
    """All writes of a user (empty: of all) in an audit log after so many bytes, dry runs left out, in the order of their answers."""
    return [_write(each) for each in _entries(log, since) if _is_write(each) and by in ("", _user(each))]


def _entries(log: Path, since: int) -> Iterator[Mapping[str, Any]]:
    with log.open("rb") as file:
        file.seek(since)
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:  # the server was killed while it wrote this line
                continue


def _is_write(entry: Mapping[str, Any]) -> bool:
    return entry["verb"] in _WRITING and "dryRun=" not in entry["requestURI"]


def _user(entry: Mapping[str, Any]) -> str:
    return str(entry["user"].get("username", ""))


def _write(entry: Mapping[str, Any]) -> Write:
    target, stored = entry.get("objectRef", {}), entry.get("responseObject") or {}
    name = target.get("name") or stored.get("metadata", {}).get("name", "")
    words = (target.get("resource", ""), target.get("namespace", ""), name)
    return Write(_user(entry), entry["verb"], *words, entry.get("responseStatus", {}).get("code", 0), stored)


def state(
    kube: KubeCluster, namespace: str, kinds: Iterable[ResourceType] = KINDS, masked: str = ""
) -> Mapping[str, Any]:
    """All objects of a namespace without what differs between two runs of the same; names of the run are masked."""
    return {
        f"{kind.kind}/{each['metadata']['name']}": _essence(each, namespace, masked or namespace)
        for kind in kinds
        for each in kube.list(kind, namespace=namespace).items
    }


def _essence(value: Any, *masked: str) -> Any:
    metadata = {name: each for name, each in value["metadata"].items() if name not in _VOLATILE}
    labels = metadata.get("labels", {}) | {}
    metadata["labels"] = dict.fromkeys(labels, "") if labels else {}
    whole = {**value, "metadata": metadata}
    if isinstance(spec := value.get("spec"), dict):
        whole["spec"] = {name: each for name, each in spec.items() if name not in _ASSIGNED}
    text = json.dumps(whole)
    for name in masked:
        text = text.replace(name, "MASKED")
    return json.loads(text)


def accepted(written: Iterable[Write], inventory: str) -> Iterator[tuple[Write, str, int]]:
    """Each write with the commit, and its sequence, that the inventory (name of its first part) said to be accepted by then."""
    revision, sequence = "", 0
    for each in written:
        header = each.stored.get("data", {}).get("header") if each.name == inventory and each.done else ""
        if header and (found := decode_header(header, inventory).accepted):
            revision, sequence = found.revision, found.sequence
        yield each, revision, sequence


def wrong_deletes(
    written: Iterable[Write], inventory: str, trees: Mapping[str, frozenset[str]]
) -> list[Write]:
    """The deletions of objects that the commit which was accepted by then holds; `trees`: commit → ``resource/name``.

    What is deleted under a commit that never was to be accepted is wrong, whatever it is.
    """
    return [
        each
        for each, revision, _ in accepted(written, inventory)
        if each.verb.startswith("delete")
        and each.done
        and (revision not in trees or each.object in trees[revision])
    ]


def assert_oracle(
    *,
    found: Mapping[str, Any],
    expected: Mapping[str, Any],
    written: Iterable[Write],
    inventory: str,
    trees: Mapping[str, frozenset[str]],
    allowed: Iterable[str],
    said: str,
    canary: str,
) -> None:
    """The oracle of the agent's fault matrix.

    (a), (e) `found`, the state of the objects, is `expected`, that of a run without the fault. (b) every
    object that was `written` belongs to one of the `trees` or is `allowed` (``resource/name``). (c) nothing
    was deleted that the accepted commit holds. (d) the `canary`, plain or in base64, is in nothing that
    was `said`. (f) the sequence that was accepted, or reported, never goes back, and only commits of
    `trees` were accepted. (g) `written` is from the audit log.
    """
    written = list(written)
    assert found == expected
    ours = set(allowed).union(*trees.values())
    assert {each.object for each in written if each.done} - ours == set()
    assert wrong_deletes(written, inventory, trees) == []
    for secret in (canary, base64.b64encode(canary.encode()).decode()):
        assert secret not in said
    steps = [(revision, sequence) for _, revision, sequence in accepted(written, inventory) if revision]
    assert {revision for revision, _ in steps} <= set(trees)
    assert [sequence for _, sequence in steps] == sorted(sequence for _, sequence in steps)
    reported = _reported(written)
    assert reported == sorted(reported)


def _reported(written: Iterable[Write]) -> list[int]:
    """The sequences of the reports, in the order in which they were stored; answers may overtake each other."""
    done = [each.stored for each in written if each.resource == "environments" and each.done]
    stored = sorted(done, key=lambda value: int(value["metadata"]["resourceVersion"]))
    return [number for each in stored if (number := each.get("status", {}).get("sequence"))]
