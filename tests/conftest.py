"""Property tests: the same examples in every CI run, new ones each time at a desk."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.support.oracle")
# Machines are shared: how long an example takes is no finding.
_ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", _ANY_SPEED)
settings.register_profile("ci", _ANY_SPEED, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How large the fault tests of the writer are: small by default, so that CI stays quick."""
    group = parser.getgroup("envctl")
    group.addoption("--writers", type=int, default=8, help="writers that push at once (the full size: 32)")
    group.addoption("--pushes", type=int, default=4, help="pushes of each writer (the full size: 25)")
    group.addoption("--kill-seeds", type=int, default=30, help="kills of the writer (the full size: 200)")
    group.addoption(
        "--random-faults", type=float, default=0, help="seconds of random faults (0: two short runs)"
    )
    group.addoption("--seed", type=int, default=1, help="the first seed of the random faults")
    group.addoption(
        "--every-write", action="store_true", help="kill the agent's process at each of its writes"
    )
    group.addoption(
        "--stops", type=int, default=5, help="SIGTERMs to the agent's process (the full size: 200)"
    )
    group.addoption("--objects", type=int, default=2000, help="objects of one environment (full: 20000)")
    group.addoption(
        "--damage-seeds", type=int, default=5, help="damages to each part of an agent's store (full: 200)"
    )
    group.addoption("--deployments", type=int, default=20, help="Deployments that roll over (full: 500)")
    group.addoption("--edits", type=int, default=150, help="random edits of objects (the full size: 1000)")
    group.addoption("--outage", type=float, default=2, help="seconds of an API outage (the full size: 600)")
