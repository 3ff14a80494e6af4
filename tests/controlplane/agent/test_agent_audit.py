"""What the API server itself says about the agent's requests: its audit log is the witness."""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.cluster import API_ONLY
from envctl.model.cluster import ResourceType

NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
AGENTS, OBJECTS = "audit-agents", "audit-objects"
WRITING = {"create", "update", "patch", "delete", "deletecollection"}


@dataclass
class Audited:
    """An environment in a cluster of its own that logs every request."""

    rig: Any
    log: Path

    def requests(self) -> list[tuple[str, str, int]]:
        """(verb, resource/name, status) of all requests that touched our two namespaces."""
        found = []
        for line in self.log.read_text().splitlines():
            entry = json.loads(line)
            target = entry.get("objectRef", {})
            if (
                target.get("namespace") in {AGENTS, OBJECTS}
                and entry["user"]["username"] != "system:apiserver"
            ):
                name = f"{target['resource']}/{target.get('name', '')}"
                found.append((entry["verb"], name, entry["responseStatus"]["code"]))
        return found

    def writes_since(self, before: int) -> list[tuple[str, str, int]]:
        return [each for each in self.requests()[before:] if each[0] in WRITING]


@pytest.fixture
def audited(make_rig, start_cluster, connected, tmp_path):
    log = tmp_path / "audit.log"
    dev = start_cluster(replace(API_ONLY, audit_log=log))
    kube = connected(dev.kubeconfig)
    for name in (AGENTS, OBJECTS):
        kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    rig = make_rig(agents=AGENTS, namespace=OBJECTS, kubeconfig=dev.kubeconfig, interval=0.2, almighty=True)
    return Audited(rig, log)


def test_the_audit_log_shows_one_write_an_object_and_none_at_rest(audited, cm, wait_for) -> None:
    """A commit, rest, one changed object, rest, a restart: each write is accounted for."""
    rig = audited.rig
    objects = [cm(f"o{number}", OBJECTS, x="1") for number in range(20)]
    rig.branch.publish({"web": objects})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        writes = [name for verb, name, _ in audited.requests() if verb == "patch" and "/o" in name]
        assert sorted(writes) == sorted(f"configmaps/o{number}" for number in range(20))

        wait_for(lambda: quiet(audited))
        before = len(audited.requests())
        rig.branch.publish({"web": [cm("o0", OBJECTS, x="2"), *objects[1:]]})
        rig.await_applied(rig.branch.tip)
        wait_for(lambda: quiet(audited))
        inventory = ("update", f"configmaps/envctl-inventory-{rig.options.environment}-0", 200)
        status = ("patch", f"environments/{rig.options.environment}", 200)
        writes = audited.writes_since(before)
        events = [each for each in writes if each[1].startswith("events/")]
        assert len(events) == 2  # accepted, applied
        assert [each for each in writes if each != status and each not in events] == [
            inventory,
            ("patch", "configmaps/o0", 200),
            inventory,
        ]
        assert writes.count(status) == 1

    before = len(audited.requests())
    rig.log.clear()
    with rig.running():
        wait_for(lambda: any(entry.message.startswith("watching") for entry in rig.log))
        wait_for(lambda: quiet(audited))
    # Server-side apply of the Environment object that changes nothing: the one request of a restart.
    assert audited.writes_since(before) == [status]


def quiet(audited: Audited) -> bool:
    """Whether a second passes without a request, but for this test's own reading."""
    before = len(audited.requests())
    time.sleep(1)
    return all(verb == "get" for verb, _, _ in audited.requests()[before:])
