"""Rule files → `Rules`. What a file may hold is said by ``rules.schema.json``; here it is compiled."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envctl.errors import InputError, Problem
from envctl.health.clauses import all_hold
from envctl.health.paths import BadRuleError, Defaults
from envctl.health.rules import Case, Cases, Kind, Rules
from envctl.health.templates import template
from envctl.model.environment import KeyPath
from envctl.model.observed import Health

_CONDITIONS: Final = "status.conditions"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file that fits the schema; `place` says where a value of it stands."""

    value: Mapping[str, Any]
    place: Callable[[KeyPath], str]


def parse_rules(files: Iterable[RuleFile]) -> Rules:
    """The rules of all files together. Raises InputError with every problem and its place."""
    parts = _Parts({}, [], [], [], set(), [])
    for file in files:
        _add(file, parts)
    if parts.problems:
        raise InputError("a rule for health cannot be used", problems=tuple(parts.problems))
    exact = {key: cases for key, cases in parts.kinds.items() if "*" not in "".join(key)}
    globs = tuple((key, cases) for key, cases in parts.kinds.items() if key not in exact)
    return Rules(tuple(parts.first), exact, globs, tuple(parts.otherwise), frozenset(parts.statusless))


def overlaid(rules: Rules, own: Rules) -> Rules:
    """Rules with others put before them: a kind that `own` is about is judged by these alone."""
    return Rules(
        (*own.first, *rules.first),
        {**rules.kinds, **own.kinds},
        (*own.globs, *rules.globs),
        (*own.otherwise, *rules.otherwise),
        (rules.statusless - own.kinds.keys()) | own.statusless,
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    kinds: dict[Kind, Cases]
    first: list[Case]
    otherwise: list[Case]
    unused: list[Case]
    statusless: set[Kind]
    problems: list[Problem]


def _add(file: RuleFile, parts: _Parts) -> None:
    groups = file.value.get("groups", [])
    parts.statusless.update((group, kind) for group in groups for kind in file.value.get("statusless", []))
    for where, into in (("first", parts.first), ("otherwise", parts.otherwise)):
        if where in file.value:
            into.extend(_cases(file, (where,), file.value[where], parts.problems))
    for kind, rule in file.value.get("kinds", {}).items():
        cases = _cases(file, ("kinds", kind), rule, parts.problems)
        for group in groups:
            if (group, kind) in parts.kinds:
                reason = f"the kind {kind} of the group {group or 'core'} has rules already"
                parts.problems.append(Problem(file.place(("kinds", kind)), reason, "keep one of them"))
            parts.kinds[group, kind] = cases


def _cases(file: RuleFile, path: KeyPath, rule: Mapping[str, Any], problems: list[Problem]) -> Cases:
    cases = []
    for index, case in enumerate(rule["cases"]):
        try:
            cases.append(_case(case, rule.get("defaults", {}), rule.get("conditions", _CONDITIONS)))
        except BadRuleError as error:
            problems.append(Problem(file.place((*path, "cases", index)), str(error)))
    return tuple(cases)


def _case(case: Mapping[str, Any], defaults: Defaults, conditions: str) -> Case:
    when = all_hold(case["when"], defaults, conditions) if "when" in case else None
    return Case(when, Health(case["health"]), template(case.get("reason", ""), defaults))
