"""docs/files.md knows every key, and its example is read as it says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from envctl.config.environment import parse_environment
from envctl.config.lock import parse_lock
from envctl.config.pauses import parse_pause
from envctl.config.shipped import SHIPPED, shipped_schema

PAGE = (Path(__file__).parents[3] / "docs" / "files.md").read_text()


def keys(schema: Any, definitions: Any) -> Iterator[str]:
    """The dotted keys of a schema, as the page writes them."""
    schema = definitions.get(schema.get("$ref", "").removeprefix("#/$defs/"), schema)
    for each in schema.get("anyOf", ()):
        yield from keys(each, definitions)
    for each in keys(schema["items"], definitions) if isinstance(schema.get("items"), dict) else ():
        yield f"[].{each}"
    if isinstance(schema.get("additionalProperties"), dict):
        yield from (f".<name>.{each}" for each in keys(schema["additionalProperties"], definitions))
    for name, each in schema.get("properties", {}).items():
        inner = list(keys(each, definitions))
        yield from [f"{name}{'' if key[0] in '[.' else '.'}{key}" for key in inner] or [name]


@pytest.mark.parametrize("name", list(SHIPPED))
def test_every_key_of_every_file_is_in_the_page(name: str) -> None:
    """As the first cell of a table row; the name of a listed component is told with the list."""
    schema: Any = shipped_schema(name)
    told = set(re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)) | {"components[].name"}
    assert [key for key in keys(schema, schema.get("$defs", {})) if key not in told] == []


def test_the_examples_of_the_page_are_valid() -> None:
    """The YAML blocks of environment.yaml, of its gates, of a freeze and of lock.yaml."""
    environment, gates, freeze, lock = (re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))[:4]
    assert parse_environment(gates.encode(), "environments/prod/environment.yaml").gates.soak == 1800
    assert parse_pause(freeze.encode(), "environments/prod/freeze.yaml").reason == "end of the quarter"
    assert parse_environment(environment.encode(), "environments/prod/environment.yaml").extends == ("base",)
    assert sorted(parse_lock(lock.encode(), "environments/prod/lock.yaml").pins) == ["gateway", "web"]
