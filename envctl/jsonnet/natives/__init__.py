"""The native functions that Tanka's users rely on. Pure: text in, value out.

This package is loaded inside worker processes, from its folder and under the name ``natives``: it
imports its own modules relatively and nothing else of envctl. What the functions do follows Tanka's
(https://tanka.dev/jsonnet/native/); `NATIVES` in worker.py has their names and parameters.
"""

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from . import jsontext, regex, yamlwriter
from .problem import NativeError

__all__ = ["NativeError", "call"]

_MOST_INDENT = 100
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", type(None): "null"}


def call(name: str, parameters: Sequence[str], values: Sequence[Any]) -> Any:
    """Call one native function. Raises NativeError that names the argument at fault."""
    for parameter, value in zip(parameters, values, strict=True):
        _check(parameter, value)
    return _cached(name, *values)


@lru_cache(maxsize=128, typed=True)
def _cached(name: str, *values: Any) -> Any:
    """One call. Some engines evaluate the same call again and again."""
    return _FUNCTIONS[name](*values)


def _check(parameter: str, value: Any) -> None:
    wanted = float if parameter == "indent" else str
    if not isinstance(value, wanted):
        kind = _KINDS.get(type(value), "an array" if isinstance(value, list) else "an object")
        raise NativeError(f"the argument {parameter} must be {_KINDS[wanted]}, not {kind}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _manifest_json(text: str, indent: float) -> str:
    if not 0 <= indent <= _MOST_INDENT:
        raise NativeError(f"the argument indent must be between 0 and {_MOST_INDENT}, not {indent:g}")
    return jsontext.indented(text, int(indent)) + "\n"


def _parse_yaml(text: str) -> Any:
    # PyYAML takes longer to load than all the rest.
    return importlib.import_module(".yamlreader", __name__).documents(text)


def _manifest_yaml(text: str) -> str:
    return yamlwriter.to_yaml(jsontext.parse(text))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "escapeStringRegex": regex.quote,
    "manifestJsonFromJson": _manifest_json,
    "manifestYamlFromJson": _manifest_yaml,
    "parseJson": jsontext.parse,
    "parseYaml": _parse_yaml,
    "regexMatch": regex.matches,
    "regexSubst": regex.substitute,
    "sha256": _sha256,
}
