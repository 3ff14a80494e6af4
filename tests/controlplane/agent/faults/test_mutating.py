"""Others change what the agent applies, in the very request or right after it: no endless tug of war."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from envctl.errors import ClusterError
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty
from tests.support.webhooks import Mutate, Webhook, mutating_webhook

Mutating = Callable[[Mutate], Webhook]


@pytest.fixture
def mutating(faulty: Faulty) -> Iterator[Mutating]:
    """Starts a webhook that is asked about each ConfigMap of this environment's objects, by whomever written."""
    with contextlib.ExitStack() as stack:
        kube, name = faulty.rig.kube, f"mutate.{faulty.rig.options.environment}.example.com"

        def start(mutate: Mutate) -> Webhook:
            webhook = stack.enter_context(mutating_webhook(mutate))
            rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
            kind = kube.resource_type("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
            assert kind
            selector = {"matchLabels": {"kubernetes.io/metadata.name": faulty.rig.namespace}}
            value = {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {"name": name},
                "webhooks": [
                    {
                        "name": name,
                        "clientConfig": {"url": webhook.url, "caBundle": webhook.bundle},
                        "rules": [{**rule, "operations": ["CREATE", "UPDATE"]}],
                        "namespaceSelector": selector,
                        "admissionReviewVersions": ["v1"],
                        "sideEffects": "None",
                    }
                ],
            }
            kube.apply(kind, value)
            stack.callback(kube.delete, kind, "", name)
            faulty.wait(lambda: asked(faulty, webhook), "the server asks the webhook")
            return webhook

        yield start


def asked(faulty: Faulty, webhook: Webhook) -> bool:
    """Whether the server knows of the webhook by now; it learns it after a moment."""
    value = {**FIRST[1], "metadata": {"name": "probe", "namespace": faulty.rig.namespace}}
    with contextlib.suppress(ClusterError):
        faulty.rig.kube.apply(faulty.rig.config_map_type, value, force=True, dry_run=True)
    return "probe" in webhook.asked


def adds(value: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A key and an annotation that the branch does not set."""
    annotations = value["metadata"].get("annotations", {})
    more = {"op": "add", "path": "/metadata/annotations", "value": {**annotations, "sidecar": "yes"}}
    return [more, {"op": "add", "path": "/data/sidecar", "value": "yes"}]


def overrides(value: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Another value for a field that the branch sets."""
    return [{"op": "replace", "path": "/data/x", "value": "webhook"}] if "x" in value["data"] else []


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        pytest.param(adds, {"x": "2", "sidecar": "yes"}, id="fields of its own"),
        pytest.param(overrides, {"x": "webhook"}, id="a field of ours"),
    ],
)
def test_what_a_webhook_changes_on_the_way_is_no_drift(
    mutate: Mutate, expected: Mapping[str, str], faulty: Faulty, mutating: Mutating
) -> None:
    """Agent's fault row 23: each object is written once a commit, and then there is rest; a dry run sees nothing to do."""
    rig = faulty.rig
    mutating(mutate)
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        rig.await_applied(faulty.publish(*SECOND))
        assert rig.data("change") == expected
        at_rest = len(faulty.writes())
        threading.Event().wait(1.5)
        assert [each.object for each in faulty.writes()[at_rest:]] == []
        assert (rig.status().healed, rig.status().fought) == (0, 0)
    changed = [each.object for each in faulty.writes() if each.object == "configmaps/change"]
    assert len(changed) == 2
    assert rig.once(dry_run=True).results == ()


def test_a_writer_in_a_loop_is_named_and_then_left_alone(faulty: Faulty) -> None:
    """Agent's fault row 23: more than five heals a minute are told with manager and field; a loop of machines costs no loop.

    What the loop costs is bounded by the object's budget of heals (ADR 0011), and all else is kept meanwhile.
    """
    rig, over = faulty.rig, threading.Event()
    faulty.publish(*FIRST)
    path = f"/api/v1/namespaces/{rig.namespace}/configmaps/change?fieldManager=other-tool&force=true"
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "change"}, "data": {"x": "theirs"}}

    def loop() -> None:
        while not over.is_set():
            if rig.data("change") == {"x": "1"}:
                rig.raw("PATCH", path, other)
            time.sleep(0.005)

    with rig.running():
        rig.await_applied(rig.branch.tip)
        writer = threading.Thread(target=loop)
        writer.start()
        try:
            faulty.wait(lambda: any("it is left alone for a while" in each.message for each in rig.log))
            told = [each.message for each in rig.log if "keeps changing" in each.message]
            where = f"other-tool keeps changing ConfigMap {rig.namespace}/change (.data.x)"
            assert told == [f"{where}: it is healed each time", f"{where}: it is left alone for a while"]
            status = rig.await_condition("Stalled", "Fought")
            assert "other-tool" in str(status.condition("Stalled"))
            before = len(faulty.writes())
            rig.kube.delete(rig.config_map_type, rig.namespace, "keep")
            faulty.wait(lambda: rig.data("keep") == {"x": "1"})
            mine = [each.object for each in faulty.writes()[before:]]
            assert "configmaps/change" not in mine
        finally:
            over.set()
            writer.join()
