"""What stands in the API server's admission refuses one object, or is away: the others are applied all the same."""

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from envctl.devcluster.certificates import Authority
from envctl.errors import ClusterError
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty
from tests.support.oracle import Write

GROUP = "admissionregistration.k8s.io"
Guard = Callable[..., Any]


@pytest.fixture
def admission(faulty: Faulty) -> Iterator[Guard]:
    """Adds objects of the admission's API for the namespace of the environment's objects; gone after the test."""
    with contextlib.ExitStack() as stack:
        kube = faulty.rig.kube

        def add(kind: str, name: str, **content: Any) -> Callable[[], object]:
            found = kube.resource_type(GROUP, kind, "v1")
            value = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, **content}
            kube.apply(found, value)
            stack.callback(kube.delete, found, "", name)
            return lambda: kube.delete(found, "", name)

        yield add


def selector(faulty: Faulty) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": faulty.rig.namespace}}


def is_refused(faulty: Faulty) -> bool:
    """Whether the server refuses the object by now; it learns new rules after a moment."""
    value = {**FIRST[1], "metadata": {**FIRST[1]["metadata"], "namespace": faulty.rig.namespace}}
    try:
        faulty.rig.kube.apply(faulty.rig.config_map_type, value, force=True, dry_run=True)
    except ClusterError:
        return True
    return False


def tries(faulty: Faulty) -> list[Write]:
    """The agent's writes of the object that is refused."""
    return [each for each in faulty.writes() if each.object == "configmaps/change" and not each.done]


def run(faulty: Faulty, lift: Callable[[], object], said: str) -> None:
    """One object fails, is named and tried again, ever more rarely; then it may."""
    rig = faulty.rig
    tip = faulty.publish(*SECOND)
    status = rig.await_condition("Ready", "ObjectsFailed")
    assert [each.object for each in status.failures] == [f"ConfigMap {rig.namespace}/change"]
    assert said in status.failures[0].reason
    faulty.wait(lambda: rig.data("new") and rig.data("leave") is None)
    assert rig.data("change") == {"x": "1"}
    faulty.wait(lambda: len(tries(faulty)) > 2)
    # Twice as long each time: 0.1 s, 0.2 s, 0.4 s, …
    assert len(tries(faulty)) < 12
    lift()
    rig.await_applied(tip)
    faulty.check()


def test_an_object_that_a_policy_denies_is_named_and_tried_again(faulty: Faulty, admission: Guard) -> None:
    """Agent's fault row 20: a ValidatingAdmissionPolicy says no to one object; the rest is applied and pruned."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        name = f"deny-{rig.options.environment}"
        rules = [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["configmaps"],
            }
        ]
        admission(
            "ValidatingAdmissionPolicy",
            name,
            spec={
                "matchConstraints": {"resourceRules": rules, "namespaceSelector": selector(faulty)},
                "validations": [{"expression": "object.metadata.name != 'change'", "message": "not today"}],
            },
        )
        lift = admission(
            "ValidatingAdmissionPolicyBinding",
            name,
            spec={"policyName": name, "validationActions": ["Deny"]},
        )
        faulty.wait(lambda: is_refused(faulty))
        run(faulty, lift, "not today")


def test_a_webhook_that_is_away_is_waited_for(faulty: Faulty, admission: Guard) -> None:
    """Agent's fault row 21: failurePolicy Fail, and nobody listens there."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with rig.running():
        rig.await_applied(rig.branch.tip)
        name = f"away.{rig.options.environment}.example.com"
        authority = Authority().pair.certificate
        webhook = {
            "name": name,
            "clientConfig": {"url": "https://127.0.0.1:9/", "caBundle": base64.b64encode(authority).decode()},
            "rules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["configmaps"],
                }
            ],
            "matchConditions": [{"name": "one", "expression": "request.name == 'change'"}],
            "namespaceSelector": selector(faulty),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 1,
        }
        lift = admission("ValidatingWebhookConfiguration", name, webhooks=[webhook])
        faulty.wait(lambda: is_refused(faulty))
        run(faulty, lift, "failed calling webhook")
