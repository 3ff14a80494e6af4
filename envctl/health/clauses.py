"""The tests of a rule (`when`): compiled once, asked for every object.

All tests of one mapping must hold. A comparison with a field that is not there, and that has no default,
does not hold.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import translate
from typing import Any, Final

from envctl.health.paths import (
    BadRuleError,
    Defaults,
    Look,
    OddValueError,
    Reader,
    field,
    items,
    named,
    number,
    operand,
)
from envctl.model.values import JsonValue

Test = Callable[[Look], bool]
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def all_hold(tests: Mapping[str, Any], defaults: Defaults, conditions: str) -> Test:
    """A test that holds where each of `tests` does. Raises BadRuleError."""
    compiled = tuple(_test(key, wanted, defaults, conditions) for key, wanted in tests.items())
    if len(compiled) == 1:
        return compiled[0]

    def test(look: Look) -> bool:
        return all(each(look) for each in compiled)

    return test


def _test(key: str, wanted: Any, defaults: Defaults, conditions: str) -> Test:
    if key == "anyOf":
        return _any_of([all_hold(each, defaults, conditions) for each in wanted])
    if key == "not":
        return _not(all_hold(wanted, defaults, conditions))
    if key in {"condition", "noCondition"}:
        wanted = {"of": conditions, "where": wanted}
        key = "some" if key == "condition" else "none"
    if key in {"some", "none"}:
        some = _some(wanted, defaults)
        return some if key == "some" else _not(some)
    return _field(key, wanted, defaults)


def _any_of(tests: Sequence[Test]) -> Test:
    return lambda look: any(each(look) for each in tests)


def _not(test: Test) -> Test:
    return lambda look: not test(look)


def _some(wanted: Mapping[str, Any], defaults: Defaults) -> Test:
    """Whether an item of the lists fits; the first that does is the look's item from then on."""
    lists = [items(each) for each in ([wanted["of"]] if isinstance(wanted["of"], str) else wanted["of"])]
    where = all_hold(wanted.get("where", {}), defaults, "conditions")

    def test(look: Look) -> bool:
        here = look.here
        try:
            for item in _every(lists, look, here):
                look.here = item
                if where(look):
                    look.item = item
                    return True
            return False
        finally:
            look.here = here

    return test


def _every(
    lists: Sequence[Callable[[Look], Iterator[JsonValue]]], look: Look, here: JsonValue
) -> Iterator[JsonValue]:
    for each in lists:
        look.here = here
        yield from each(look)


def _field(key: str, wanted: Any, defaults: Defaults) -> Test:
    read = operand(key, defaults)
    if isinstance(wanted, Mapping):
        tests = tuple(_comparison(key, read, name, each, defaults) for name, each in wanted.items())
        return lambda look: all(each(look) for each in tests)
    if isinstance(wanted, list | tuple):
        return lambda look: any(_equal(read(look), each) for each in wanted)
    return lambda look: _equal(read(look), wanted)


def _equal(left: JsonValue, right: JsonValue) -> bool:
    """JSON's equality: true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


_NUMBERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "below": lambda left, right: bool(left < right),
    "above": lambda left, right: bool(left > right),
    "atLeast": lambda left, right: bool(left >= right),
    "atMost": lambda left, right: bool(left <= right),
}


def _comparison(key: str, read: Reader, name: str, wanted: Any, defaults: Defaults) -> Test:
    if name in _NUMBERS:
        return _numbers(key, _NUMBERS[name], wanted, defaults)
    if name == "present":
        return lambda look: (read(look) not in (None, "", [], {}, ())) == wanted
    if name in {"same", "different"}:
        other = operand(wanted, defaults)
        return lambda look: _equal(read(look), other(look)) == (name == "same")
    if name == "like":
        return _like(read, wanted)
    if name == "before":
        return _before(key, wanted, defaults)
    raise BadRuleError(f"there is no comparison {name}")


def _numbers(key: str, holds: Callable[[Any, Any], bool], wanted: Any, defaults: Defaults) -> Test:
    left = number(key, defaults)
    if isinstance(wanted, str):
        right = number(wanted, defaults)
    else:

        def right(_: Look) -> int | float | None:
            return wanted  # type: ignore[no-any-return]

    def test(look: Look) -> bool:
        one, two = left(look), right(look)
        return one is not None and two is not None and holds(one, two)

    return test


def _like(read: Reader, patterns: str | Sequence[str]) -> Test:
    wanted = [patterns] if isinstance(patterns, str) else patterns
    pattern = re.compile("|".join(translate(each) for each in wanted))

    def test(look: Look) -> bool:
        value = read(look)
        return isinstance(value, str) and pattern.match(value) is not None

    return test


def _before(key: str, other: str, defaults: Defaults) -> Test:
    left, right = _time(key, defaults), _time(other, defaults)

    def test(look: Look) -> bool:
        one, two = left(look), right(look)
        return one is not None and two is not None and one < two

    return test


def _time(text: str, defaults: Defaults) -> Callable[[Look], str | None]:
    read = field(text, defaults)

    def checked(look: Look) -> str | None:
        value = read(look)
        if value is None:
            return None
        if not isinstance(value, str):
            raise OddValueError(f"{text} is {named(value)}, where a time should be")
        if not _TIME.fullmatch(value):
            raise OddValueError(f"{text} is no time in UTC")
        return value

    return checked
