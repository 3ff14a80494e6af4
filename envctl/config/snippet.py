"""The jsonnet code that puts a component, its config and its overlays together (design §3).

The code evaluates to ``{objects: <the final object>, config: <its config>}``. Config is merged
with jsonnet's own late binding, so a default that is computed from another one follows it:
``config:: {host: 'x.' + self.domain}`` with ``domain: b`` from a YAML file gives ``x.b``.
"""

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final

from envctl.model.values import JsonObject, JsonValue


def entry_code(component_path: str, config: JsonObject, overlays: Sequence[str], *, want_config: bool) -> str:
    """The code to evaluate for one component in one environment.

    `component_path` and `overlays` (weakest first) are paths from the root of the tree. Only with
    `want_config` is config evaluated on its own, so that it may hold functions where nobody asks.
    Objects in `config` are merged into objects of the component; lists, scalars and null replace.
    An empty `config` leaves the component as it is.
    """
    terms = ["component"]
    if config:
        terms.append(_config_mixin(component_path, config))
    terms += [_overlay(path) for path in overlays]
    wanted = ", config: if std.objectHasAll(final, 'config') then final.config else {}" if want_config else ""
    final = "\n  + ".join(terms)
    return (
        f"local imported = import {_quoted(component_path)};\n"
        f"{_component(component_path)}"
        f"local final = {final};\n"
        f"{{ objects: final{wanted} }}\n"
    )


PROBES: Final[Mapping[str, str]] = {
    "number": "value + 1",
    "string": "value + 'x'",
    "boolean": "!value",
}
"""Each type of config value that `probe_code` can change, and how."""


def other_config(config: JsonObject, probe: str) -> JsonObject:
    """The same config with another value in place of each one of a type, as `probe_code` makes them."""
    return {key: _other(value, probe) for key, value in config.items()}


def _other(value: JsonValue, probe: str) -> JsonValue:
    if isinstance(value, Mapping):
        return other_config(value, probe)
    if isinstance(value, list | tuple):
        return [_other(each, probe) for each in value]
    if isinstance(value, bool):
        return not value if probe == "boolean" else value
    if isinstance(value, str):
        return f"{value}x" if probe == "string" else value
    return value + 1 if value is not None and probe == "number" else value  # type: ignore[operator]


def probe_code(component_path: str, config: JsonObject, probe: str) -> str:
    """As `entry_code` without overlays, but every config value of one type is another one.

    What differs in the objects then depends on config. Functions and hidden config stay as they are.
    """
    given = f"\n  + {_config_mixin(component_path, config)}" if config else ""
    return (
        f"local imported = import {_quoted(component_path)};\n"
        f"{_component(component_path)}"
        "local other(value) =\n"
        f"  if std.type(value) == {_quoted(probe)} then {PROBES[probe]}\n"
        "  else if std.isArray(value) then std.map(other, value)\n"
        "  else if std.isObject(value)\n"
        "  then value + { [key]: other(value[key]) for key in std.objectFields(value) }\n"
        "  else value;\n"
        f"local final = component{given}\n"
        "  + { config:: if 'config' in super then other(super.config) else {} };\n"
        "{ objects: final }\n"
    )


def _component(path: str) -> str:
    required = _quoted(f"{path} is a function with required arguments; give each of them a default")
    wrong = _quoted(f"{path} must be an object, or a function that returns one; it is of type ")
    # The C++ engine counts arguments that have a default too; there its own message must do.
    return (
        "local called = if !std.isFunction(imported) then imported\n"
        f"  else if std.length(function(x=0) x) == 0 && std.length(imported) > 0 then error {required}\n"
        "  else imported();\n"
        f"local component = if std.isObject(called) then called else error {wrong} + std.type(called);\n"
    )


def _config_mixin(path: str, config: JsonObject) -> str:
    wrong = _quoted(f"config in {path} must be an object; it is of type ")
    taken = _quoted(
        f"config in {path} is a Kubernetes object, so the config of an environment cannot go there; "
        "give that field another name"
    )
    return (
        "{ config::\n"
        f"    local given = {_mixin(config)};\n"
        "    if !('config' in super) then given\n"
        f"    else if !std.isObject(super.config) then error {wrong} + std.type(super.config)\n"
        "    else if std.objectHas(super.config, 'apiVersion') && std.objectHas(super.config, 'kind')\n"
        f"    then error {taken}\n"
        "    else super.config + given }"
    )


def _overlay(path: str) -> str:
    wrong = _quoted(f"{path} must be an object, because an overlay is mixed into a component; it is of type ")
    return (
        f"(local overlay = import {_quoted(path)};"
        f" if std.isObject(overlay) then overlay else error {wrong} + std.type(overlay))"
    )


def _mixin(config: JsonObject) -> str:
    """An object that, added to another one, merges into its objects and replaces the rest."""
    return "{ " + ", ".join(f"{_quoted(key)}: {_field(key, value)}" for key, value in config.items()) + " }"


def _field(key: str, value: JsonValue) -> str:
    if not isinstance(value, Mapping):
        return _literal(value)
    name = _quoted(key)
    # Not `+:`, which would glue an object to a string below it instead of replacing the string.
    return (
        f"(local given = {_mixin(value)};"
        f" if {name} in super && std.isObject(super[{name}]) then super[{name}] + given else given)"
    )


def _literal(value: JsonValue) -> str:
    """A value as jsonnet: JSON is a subset of it. No NaN or infinity: YAML files cannot bring them."""
    return (
        _quoted(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    )


def _quoted(text: str) -> str:
    """As ``json.dumps`` without its set-up: there are thousands of these."""
    quoted: str = encode_basestring(text)
    return quoted
