"""A commit that ends the agent's process each time: after three times it is left alone."""

from typing import Any

from tests.controlplane.agent.faults.conftest import FIRST, SECOND, small
from tests.support.apifaults import cut_before, then


def test_a_commit_that_ends_the_agent_three_times_is_left_alone(faulty: Any) -> None:
    """Agent's fault row 60: the process dies at the first write of an object; a newer commit is tried as ever."""
    faulty.publish(*FIRST)
    faulty.rig.once()
    poison = faulty.publish(*SECOND)
    for _ in range(3):
        with faulty.process() as agent:
            fault = faulty.proxy.fault(then(agent.kill, cut_before), "PATCH", "configmaps/change")
            faulty.wait(lambda agent=agent: agent.poll() is not None)
            fault.lift()
    with faulty.process():
        status = faulty.rig.await_condition("Stalled", "CommitRefused")
        said = status.condition("Stalled").message
        assert "it is quarantined: the agent ended 3 times while it was brought to the cluster" in said
        assert f"envctl.dev/retry-commit={poison}" in said
        assert faulty.rig.data("change") == {"x": "1"}
        faulty.publish(*SECOND, small("fixed", x="1"))
        faulty.rig.await_applied(faulty.rig.branch.tip)
        faulty.check()
