"""A branch creates nothing as being deleted: the API server lets it, and its removal would never end."""

from typing import Any

import pytest

from envctl.errors import InputError

DELETING = [
    pytest.param(
        {"deletionTimestamp": "2001-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}, id="at once"
    ),
    pytest.param({"deletionTimestamp": "2001-01-01T00:00:00Z"}, id="some day"),
    pytest.param({"deletionGracePeriodSeconds": 0}, id="how long it takes"),
]


@pytest.mark.parametrize("metadata", DELETING)
@pytest.mark.parametrize("adopted", [True, False])
def test_what_is_applied_as_being_deleted_is_refused(
    metadata: Any, rig: Any, cm: Any, *, adopted: bool
) -> None:
    """With its commit, and what stands there already stays as it is."""
    value = cm("b", rig.namespace, x="1")
    value["metadata"]["annotations"] = {"envctl.dev/prune": "never", "envctl.dev/adopt": "true"}
    if adopted:
        rig.kube.create(rig.config_map_type, value)
    rig.branch.publish({"web": [cm("a", rig.namespace), *([] if adopted else [value])]})
    assert rig.once().succeeded
    uid = rig.live("b")["metadata"]["uid"]
    value["metadata"] |= metadata
    rig.branch.publish({"web": [cm("a", rig.namespace), value]})
    with pytest.raises(InputError) as caught:
        rig.once()
    (problem,) = caught.value.problems
    assert problem.reason == f"the file says {next(iter(metadata))}, and nothing is created as being deleted"
    live = rig.live("b")["metadata"]
    assert (live["uid"], "deletionTimestamp" in live) == (uid, False)
