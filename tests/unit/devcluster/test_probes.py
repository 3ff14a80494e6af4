"""When a node counts as ready."""

from typing import Any

import pytest

from envctl.devcluster.probes import is_ready, node_object

READY = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
NOT_READY = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
TAINTED = READY | {"spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]}}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(node_object("node-0"), (False, False), id="just made"),
        pytest.param(NOT_READY, (False, False), id="not ready"),
        pytest.param(TAINTED, (True, False), id="ready, and still tainted"),
        pytest.param(READY, (True, True), id="ready"),
    ],
)
def test_a_node_is_ready(node: dict[str, Any], expected: tuple[bool, bool]) -> None:
    """With taints allowed, and without: only the controllers lift the taint of new nodes."""
    assert (is_ready(node, with_taints=True), is_ready(node, with_taints=False)) == expected
