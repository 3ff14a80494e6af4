"""The entry snippet: the jsonnet that puts a component, its config and its overlays together (design §3)."""

import json
from collections.abc import Sequence

from envctl.model.values import JsonObject

# Merges through `super`, so that values of the component that depend on others bind late.
_MERGE = """\
local merge(layer) = {
  [key]: if std.isObject(layer[key]) && key in super && std.isObject(super[key])
         then super[key] + merge(layer[key]) else layer[key]
  for key in std.objectFields(layer)
};"""

_NO_OBJECT = (
    " must evaluate to an object, or to a function of no required arguments that returns one; it is of type "
)


def entry_code(component: str, config: JsonObject, overlays: Sequence[str], *, want_config: bool) -> str:
    """The code that evaluates one component (by its path) of one environment.

    It makes ``{objects, config}``: the final object is the component, then `config` merged
    into its hidden ``config``, then each overlay, parents first. `config` is only made where
    it is wanted, since a component's config may hold functions.
    """
    lines = [
        _MERGE,
        f"local imported = import {_text(component)};",
        "local component = if std.isFunction(imported) then imported() else imported;",
        "local checked = if std.isObject(component) then component",
        f"  else error {_text(component + _NO_OBJECT)} + std.type(component);",
        f"local final = checked + {{ config+:: merge({_text(config)}) }}",
        *(f"  + (import {_text(path)})" for path in overlays),
        ";",
        "{ objects: final, config: if std.objectHasAll(final, 'config') then final.config else {} }"
        if want_config
        else "{ objects: final }",
    ]
    return "\n".join(lines) + "\n"


def _text(value: object) -> str:
    """A value as jsonnet: JSON in ASCII is a subset of it."""
    return json.dumps(value, sort_keys=True)
