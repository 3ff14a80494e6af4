"""Who set a value of a component's config: each misfit is told with its layer (design §3).

What decides, weakest first: the component's own defaults, the `config` of environment files, and
overlays. Of the files the lines are known. What jsonnet does is not told apart: where a
component and its overlays may both have set a value, both are named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envctl.config.keypath import key_text
from envctl.config.validation import Finding
from envctl.config.wording import listed
from envctl.errors import Problem
from envctl.model.environment import ComponentInstance, KeyPath, Layer
from envctl.model.values import JsonValue


@dataclass(frozen=True, slots=True)
class ConfigSubject:
    """A component in an environment, as far as its config goes. `overlays` are files, weakest first."""

    instance: ComponentInstance
    environment: str
    overlays: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """How messages name it: ``gateway in prod``."""
        return f"{self.instance.name} in {self.environment}"

    @property
    def schema(self) -> str:
        """The file that its schema is in, where it has one."""
        return f"schemas/{self.instance.name}.schema.json"


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a value was set, and that in words."""

    place: str
    words: str
    layer: bool = False


def config_problems(
    findings: Sequence[Finding], config: JsonValue, subject: ConfigSubject
) -> tuple[Problem, ...]:
    """Everything in a component's final config that does not fit its schema, each with who set it."""
    return tuple(_problem(finding, config, subject) for finding in findings)


def _problem(finding: Finding, config: JsonValue, subject: ConfigSubject) -> Problem:
    shown = f"{subject.key}: {Finding(('config', *finding.path), finding.reason)}"
    if finding.missing:
        place, hint = _where_to_set(finding, config, subject)
        return Problem(place, shown, hint)
    origin = _origin(finding.path, config, subject)
    words = f" ({origin.words})" if origin.words else ""
    return Problem(origin.place, shown + words, finding.hint)


def _where_to_set(finding: Finding, config: JsonValue, subject: ConfigSubject) -> tuple[str, str]:
    """Nobody set what is missing: the place is that of the object around it where a file wrote that."""
    name = subject.instance.name
    origin = _origin(finding.path, config, subject)
    if origin.layer:
        return origin.place, f"set `{finding.missing}` there"
    file = f"environments/{subject.environment}/environment.yaml"
    if any(isinstance(step, int) for step in finding.path):
        return origin.place, f"set `{finding.missing}` where that item comes from: {origin.words}"
    key = key_text(("config", *finding.path, finding.missing))
    return f"components/{name}", f"set {key} for {name} in {file}, or give it a default in the component"


def _origin(path: KeyPath, config: JsonValue, subject: ConfigSubject) -> _Origin:
    """Who set the value at a path of the final config."""
    component = f"components/{subject.instance.name}"
    overlays = subject.overlays
    if not path:
        return _Origin(component, "")
    given = _given(subject.instance.config, config, path)
    if given is True:
        layer = next(each for each in reversed(subject.instance.layers) if _has(each.value, path))
        return _Origin(layer.place(path), _layer_words(layer, subject.instance.name), layer=True)
    if given is None and not overlays:
        return _Origin(component, "set by the component")
    if given is None:
        return _Origin(component, f"set by the component or an overlay: {listed(overlays)}")
    if len(overlays) == 1:
        return _Origin(overlays[0], "set by this overlay")
    # Without an overlay only the component is left: it may hide what it was given behind its own code.
    words = f"set by an overlay: {listed(overlays)}" if overlays else "set by the component"
    return _Origin(component, words)


def _layer_words(layer: Layer, component: str) -> str:
    environment = layer.source.split("/")[-2]
    whose = "every component" if layer.prefix == ("config",) else component
    return f"set for {whose} in environment {environment}"


def _given(given: Any, final: Any, path: KeyPath) -> bool | None:
    """Whether the environment files gave the final value at a path.

    True: they did. False: they gave another one, so something behind them replaced it. None:
    they gave nothing there.
    """
    for step in path:
        if isinstance(given, Mapping) and isinstance(final, Mapping):
            if step not in given:
                return None
        elif not _begins(final, given) or int(step) >= len(given):
            return False
        given, final = given[step], final[step]
    return _within(given, final)


def _begins(whole: Any, start: Any) -> bool:
    """Whether a list begins with another one; what was added behind it leaves its items in place."""
    if not (isinstance(whole, list) and isinstance(start, list)):
        return False
    return len(start) <= len(whole) and all(map(_same, start, whole))


def _within(given: Any, final: Any) -> bool:
    """Whether everything given is still there. A key that is given may stand among others."""
    if isinstance(given, Mapping) and isinstance(final, Mapping):
        return all(key in final and _within(each, final[key]) for key, each in given.items())
    return _same(given, final)


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _has(value: Any, path: KeyPath) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
