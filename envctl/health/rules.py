"""Rules, and what they say of an object.

An object's health is said by the first case that fits: of the cases for every object, then of those for its
kind, then of the conventions (kstatus: Reconciling, Stalled, Ready).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from envctl.health.clauses import Test
from envctl.health.paths import Look, OddValueError, Reader
from envctl.model.health import Assessment
from envctl.model.observed import Health
from envctl.model.values import JsonObject


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a health and its reason, for objects that fit `when` (None: for all)."""

    when: Test | None
    health: Health
    reason: Reader


Cases = tuple[Case, ...]
Kind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """Parsed rules. `kinds` and `statusless` go by group and kind; in `globs` either may be a glob."""

    first: Cases = ()
    kinds: Mapping[Kind, Cases] = field(default_factory=dict)
    globs: Sequence[tuple[Kind, Cases]] = ()
    otherwise: Cases = ()
    statusless: frozenset[Kind] = frozenset()

    def of(self, group: str, kind: str) -> Cases:
        """The cases for a kind, none where no rule is about it."""
        found = self.kinds.get((group, kind))
        if found is not None:
            return found
        for (groups, kinds), cases in self.globs:
            if fnmatchcase(group, groups) and fnmatchcase(kind, kinds):
                return cases
        return ()


def needs_status(rules: Rules, group: str, kind: str) -> bool:
    """Whether the health of a kind is told by more than the metadata of its objects."""
    return (group, kind) not in rules.statusless


def assess(rules: Rules, live: JsonObject) -> Assessment:
    """The health of any object as it stands in a cluster. Never raises; depends on nothing else.

    Unknown where a field that counts has a type that it never has.
    """
    version, kind = live.get("apiVersion"), live.get("kind")
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    look = Look(live, live)
    try:
        cases = rules.of(group, kind) if isinstance(kind, str) else ()
        quiet = isinstance(kind, str) and (group, kind) in rules.statusless
        return (
            _first(rules.first, look)
            or (Assessment(Health.HEALTHY) if quiet else None)
            or _first(cases, look)
            or _first(rules.otherwise, look)
            or Assessment(Health.UNKNOWN, "no rule says how healthy it is")
        )
    except OddValueError as error:
        return Assessment(Health.UNKNOWN, str(error))


def _first(cases: Cases, look: Look) -> Assessment | None:
    for case in cases:
        look.item = None
        if case.when is None or case.when(look):
            return Assessment(case.health, str(case.reason(look)))
    return None
