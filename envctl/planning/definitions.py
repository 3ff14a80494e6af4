"""Changes of a CustomResourceDefinition that would lose objects: told before anything is sent.

As kapp's ``crdupgradesafety``: https://carvel.dev/kapp/docs/latest/preflight-checks/
"""

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.model.values import JsonObject

_NAMES = ("kind", "plural")
_MOVE = "define a new kind, move its objects, then take the old definition out of the source"


def unsafe_change(live: JsonObject, desired: JsonObject) -> tuple[str, str] | None:
    """Why a definition may not take the place of the live one, and what to do; None where it may."""
    old, new = _mapping(live.get("spec")), _mapping(desired.get("spec"))
    if old.get("scope") != new.get("scope"):
        was, would = old.get("scope"), new.get("scope")
        return f"its scope would change from {was} to {would}: no object would be found", _MOVE
    for name in _NAMES:
        was, would = (_mapping(spec.get("names")).get(name) for spec in (old, new))
        if was != would:
            reason = f"its {name} would change from {was} to {would}: no object would be found under it"
            return reason, _MOVE
    stored = [str(each) for each in _sequence(_mapping(live.get("status")).get("storedVersions"))]
    versions = {str(_mapping(each).get("name")) for each in _sequence(new.get("versions"))}
    lost = [each for each in stored if each not in versions]
    if lost:
        listed = ", ".join(lost)
        return (
            f"it would drop {listed}, in which objects may be stored: they could not be read any more",
            f"keep {listed} with served: false, store all objects anew, and take it out of storedVersions",
        )
    return None


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
