"""Deep merge of config: objects are merged key by key, everything else is replaced."""

from collections.abc import Iterable, Mapping

from envctl.model.values import JsonObject, JsonValue


def merge_all(values: Iterable[JsonObject]) -> JsonObject:
    """All values merged, the weakest first. Keys keep the place where they came up first."""
    result: JsonObject = {}
    for value in values:
        result = merge(result, value)
    return result


def merge(below: JsonObject, above: JsonObject) -> JsonObject:
    """`above` merged into `below`. A null in `above` is a value like any other: it replaces."""
    result: dict[str, JsonValue] = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result
