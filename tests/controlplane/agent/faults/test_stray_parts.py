"""ConfigMaps that only look like parts of an inventory neither end the agent nor stop it."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("5000", id="more parts than there can be"),
        pytest.param("40", id="a part that there is not yet"),
        pytest.param("9" * 200, id="a number of 200 digits"),
        pytest.param("00", id="the first part once more"),
    ],
)
def test_a_map_with_the_name_of_a_part_is_left_alone(number: str, rig: Any, cm: Any) -> None:
    """Somebody who may create ConfigMaps beside it: no memory, no writes, and no end of conflicts."""
    agents, name = rig.options.namespace, f"envctl-inventory-{rig.options.environment}"
    rig.branch.publish({"web": [cm("a", rig.namespace), cm("b", rig.namespace)]})
    assert rig.once().succeeded
    stray = cm(f"{name}-{number}", agents, theirs="1")
    stray["metadata"]["labels"] = {"envctl.dev/inventory": rig.options.environment}
    before = rig.kube.create(rig.config_map_type, stray)
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    sent = rig.writes()
    assert rig.once().succeeded
    assert rig.writes() - sent < 12
    assert (rig.data("a"), rig.data("b")) == ({"x": "1"}, None)
    assert rig.live(f"{name}-{number}", agents) == before
    assert {each for each in rig.everything() if name in each} == {
        f"{agents}/{name}-0",
        f"{agents}/{name}-{number}",
    }
