"""The JSON Schemas that come with envctl, loaded when they are first needed."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from envctl.model.values import JsonObject

SHIPPED: Final[Mapping[str, str]] = {
    "settings": "envctl.yaml",
    "environment": "environments/*/environment.yaml",
    "component": "components/*/component.yaml",
    "lock": "environments/*/lock.yaml",
    "freeze": "environments/*/freeze.yaml",
    "suspend": "environments/*/suspend.yaml",
}
"""Each schema, and the files that it is for."""


@cache
def shipped_schema(name: str) -> JsonObject:
    """One of those in `SHIPPED`."""
    text = files("envctl.config.schemas").joinpath(f"{name}.schema.json").read_text("utf-8")
    schema: JsonObject = json.loads(text)
    return schema
