"""What the agent really asks for in its own namespace is what it is granted there."""

from typing import Any
from urllib.parse import urlsplit

from envctl.planning.ownership import PART_OF
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty, small
from tests.support.apiproxy import Exchange
from tests.unit.installation.test_own_rules import REASONS

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
CREATED = 201


def used(exchange: Exchange, namespace: str) -> set[tuple[str, str]]:
    """The rights that a request needed, as RBAC names them; none where it was not about this namespace."""
    address = urlsplit(exchange.target)
    before, _, rest = address.path.partition(f"/namespaces/{namespace}/")
    if not rest or not before:
        return set()
    resource, _, inner = rest.partition("/")
    name, _, part = inner.partition("/")
    resource = f"{resource}/{part}" if part else resource
    verb = VERBS.get(exchange.method) or ("get" if name else "watch" if "watch=" in address.query else "list")
    # A server-side apply of something new is both.
    return {(resource, verb)} | ({(resource, "create")} if exchange.served == CREATED else set())


def test_every_right_of_its_own_is_used_and_no_other(faulty: Faulty) -> None:
    """Commits, drift, a lost part of the inventory, another's object, and the end of the lead."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process(election=True) as process:
        rig.await_applied(rig.branch.tip)
        rig.kube.delete(rig.config_map_type, rig.namespace, "keep")
        faulty.wait(lambda: rig.data("keep") == {"x": "1"}, "what vanished is back")
        rig.await_applied(faulty.publish(*SECOND))
        rig.kube.delete(rig.config_map_type, rig.options.namespace, faulty.inventory)
        rig.await_applied(faulty.publish(*FIRST))
        taken = small("taken", x="1")
        taken["metadata"] |= {"namespace": rig.namespace, "labels": {PART_OF: "applyset-of-another"}}
        rig.kube.apply(rig.config_map_type, taken)
        faulty.publish(*FIRST, small("taken", x="2"))
        rig.await_condition("Ready", "ObjectsFailed")
        process.terminate()
        assert process.wait(20) == 0
    found: dict[tuple[str, str], Any] = {
        right: each.target for each in faulty.proxy.exchanges() for right in used(each, rig.options.namespace)
    }
    assert found.keys() == REASONS.keys(), found
    assert not [
        each.target for each in faulty.proxy.exchanges(path=f"{rig.options.namespace}/") if each.served == 403
    ]
