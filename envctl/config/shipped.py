"""The JSON Schemas that come with envctl, loaded when they are first needed."""

import json
from functools import cache
from importlib.resources import files

from envctl.model.values import JsonObject


@cache
def shipped_schema(name: str) -> JsonObject:
    """One of ``settings``, ``environment``, ``component``, ``lock``."""
    text = files("envctl.config.schemas").joinpath(f"{name}.schema.json").read_text("utf-8")
    schema: JsonObject = json.loads(text)
    return schema
