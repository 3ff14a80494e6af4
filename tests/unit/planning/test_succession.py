"""What takes the place of what."""

import pytest

from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId
from envctl.planning.succession import awaited, same_objects, successor

OLD = InventoryEntry(ObjectId("apps", "Deployment", "a", "web"), "shop", "", "1", uid="u1")


def new(group: str, kind: str, namespace: str, name: str, component: str = "other") -> InventoryEntry:
    return InventoryEntry(ObjectId(group, kind, namespace, name), component, "2")


@pytest.mark.parametrize(
    ("entry", "replaces"),
    [
        pytest.param(new("apps", "Deployment", "b", "web"), True, id="moved to another namespace"),
        pytest.param(new("extensions", "Deployment", "a", "web"), True, id="moved to another group"),
        pytest.param(new("apps", "Deployment", "a", "shop", "shop"), True, id="renamed in its component"),
        pytest.param(new("apps", "Deployment", "a", "shop"), False, id="another one of another component"),
        pytest.param(
            new("apps", "Deployment", "b", "shop", "shop"), False, id="another name, other namespace"
        ),
        pytest.param(new("apps", "StatefulSet", "a", "web", "shop"), False, id="another kind"),
    ],
)
def test_what_may_be_to_replace_an_object(entry: InventoryEntry, *, replaces: bool) -> None:
    """Agent's fault row 63: the old one stays until such an object stands."""
    assert successor(OLD, [entry]) == (entry if replaces else None)


def test_only_what_was_never_applied_is_awaited() -> None:
    """What stands already, and what leaves itself, holds nothing back."""
    stands = InventoryEntry(ObjectId("", "Secret", "a", "x"), "shop", "2", "1")
    fresh = new("", "Secret", "a", "y")
    assert awaited([OLD, stands, fresh]) == (fresh,)


def test_objects_of_the_branch_are_known_by_uid() -> None:
    """Agent's fault row 64: what left the branch is not among them, nor what was never applied."""
    stands = InventoryEntry(ObjectId("", "Secret", "a", "x"), "shop", "2", "1", uid="u2")
    assert same_objects([OLD, stands, new("", "Secret", "a", "y")]) == {"u2": stands.id}
