"""Which changes of a definition would lose objects."""

from typing import Any

import pytest

from envctl.planning.definitions import unsafe_change

MOVE = "define a new kind, move its objects, then take the old definition out of the source"


def definition(
    *versions: str, scope: str = "Namespaced", kind: str = "Widget", stored: tuple[str, ...] = ()
) -> dict[str, Any]:
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    spec = {"scope": scope, "names": names, "versions": [{"name": each} for each in versions]}
    return {"spec": spec, "status": {"storedVersions": [*stored]}}


LIVE = definition("v1alpha1", "v1", stored=("v1alpha1", "v1"))


@pytest.mark.parametrize(
    ("desired", "refusal"),
    [
        pytest.param(LIVE, None, id="the same"),
        pytest.param(definition("v1alpha1", "v1", "v2"), None, id="one more version"),
        pytest.param(
            definition("v1"),
            (
                "it would drop v1alpha1, in which objects may be stored: they could not be read any more",
                "keep v1alpha1 with served: false, store all objects anew, and take it out of storedVersions",
            ),
            id="a stored version dropped",
        ),
        pytest.param(
            definition("v1alpha1", "v1", scope="Cluster"),
            ("its scope would change from Namespaced to Cluster: no object would be found", MOVE),
            id="another scope",
        ),
        pytest.param(
            definition("v1alpha1", "v1", kind="Gadget"),
            ("its kind would change from Widget to Gadget: no object would be found under it", MOVE),
            id="another kind",
        ),
    ],
)
def test_what_would_lose_objects_is_refused(desired: dict[str, Any], refusal: tuple[str, str] | None) -> None:
    """What the live definition stores and where decides."""
    assert unsafe_change(LIVE, desired) == refusal
    assert unsafe_change({}, {}) is None
