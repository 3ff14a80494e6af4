"""Names that no API server takes stop nobody for good."""

import random
from typing import Any

import pytest

# Of names so long the folders go deeper than Git and Python go; parts of the inventory are smaller than many.
LENGTHS = [
    pytest.param(
        500_000, 1, "the trees differ in more than 1000000 places or 2048 levels", id="one megabyte"
    ),
    pytest.param(
        45_000, 20, "…: names an object or a component that nobody can have: too long", id="90 KB each"
    ),
]


@pytest.mark.parametrize(("length", "count", "told"), LENGTHS)
def test_names_longer_than_a_part_of_the_inventory_hold_up_no_later_commit(
    length: int, count: int, told: str, rig: Any, cm: Any
) -> None:
    """What cannot be remembered is refused before it is; the next commit is applied by the same agent."""
    source = random.Random(1)  # noqa: S311  (no secret: what does not compress)
    names = [source.randbytes(length).hex() for _ in range(count)]
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    with rig.running():
        rig.await_applied(rig.branch.tip)
        bad = [cm(name, rig.namespace) for name in names]
        rig.branch.publish({"web": [cm("a", rig.namespace, x="1"), *bad]})
        said = rig.await_condition("Stalled", "CommitRefused").condition("Stalled").message
        assert told in said
        rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
        rig.await_applied(rig.branch.tip)
    assert rig.data("a") == {"x": "2"}
