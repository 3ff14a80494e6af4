"""Reads the rules for health out of the package (``envctl/health/rules/*.yaml``)."""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from envctl.config.validation import require_none, validate
from envctl.config.yamlfile import read_yaml
from envctl.health.parse import RuleFile, parse_rules
from envctl.health.rules import Rules
from envctl.model.values import JsonObject


@cache
def packaged_rules() -> Rules:
    """The rules that come with envctl, parsed once in a process."""
    folder = files("envctl.health").joinpath("rules")
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".yaml"))
    return read_rules((name, folder.joinpath(name).read_bytes()) for name in names)


def read_rules(named: Iterable[tuple[str, bytes]]) -> Rules:
    """The rules of files, each with its name. Raises InputError with every problem, its file and line."""
    return parse_rules([_file(data, path) for path, data in named])


def _file(data: bytes, path: str) -> RuleFile:
    document = read_yaml(data, path)
    require_none(validate(document, rules_schema()), path)
    value = document.value
    return RuleFile(value if isinstance(value, dict) else {}, document.place)


@cache
def rules_schema() -> JsonObject:
    """The JSON Schema of a rule file."""
    text = files("envctl.health").joinpath("rules.schema.json").read_text("utf-8")
    schema: JsonObject = json.loads(text)
    return schema
