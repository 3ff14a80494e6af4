"""The jsonnet engines that tests run with."""

import os
from importlib.util import find_spec
from typing import Any

import pytest

from envctl.jsonnet.engines import ENGINES


def engine_names() -> list[Any]:
    """All engines, as parameters; one that is not installed is skipped, except in CI, where that fails."""
    return [_parameter(name) for name in ENGINES]


def _parameter(name: str) -> Any:
    absent = find_spec(ENGINES[name].module) is None and not os.environ.get("CI")
    reason = f"the engine {name} is not installed: uv sync --group dev"
    return pytest.param(name, id=name, marks=pytest.mark.skip(reason=reason) if absent else ())
