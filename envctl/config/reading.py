"""The way of every file that envctl itself defines: read it strictly, then check it with its schema."""

from dataclasses import replace
from typing import Any

from envctl.config.shipped import shipped_schema
from envctl.config.validation import require_none, validate
from envctl.config.yamlfile import Document, read_yaml


def read_checked(data: bytes, path: str, schema: str, *, conflict_hint: str = "") -> Document:
    """A file that fits its schema; an empty one is an empty object. Raises InputError with every problem."""
    document = read_yaml(data, path, conflict_hint=conflict_hint) if conflict_hint else read_yaml(data, path)
    if document.value is None:
        document = replace(document, value={})
    require_none(validate(document, shipped_schema(schema)), path)
    return document


def content(document: Document) -> dict[str, Any]:
    """The value of a file that `read_checked` gave: an object that fits its schema."""
    value: dict[str, Any] = dict(document.value) if isinstance(document.value, dict) else {}
    return value
