"""What is known of the health of each object, and from it the health of components.

Health comes from two sides: the answer to each apply, and the watches. Both carry the
object's version, so what is older than the newest look never counts. Versions go back where a cluster is
restored from a backup: a look that began when nothing newer was known shows what stands now. Objects of
kinds that have no status are Healthy as soon as they are applied; only what is otherwise about them is kept.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envctl.health.rules import Rules, assess, needs_status
from envctl.model.health import PASSED, Assessment, worst
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.observed import Health
from envctl.model.values import JsonObject

HEALTHY = Assessment(Health.HEALTHY)
UNSEEN = Assessment(Health.UNKNOWN, "not seen yet")
UNAPPLIED = Assessment(Health.MISSING, "not applied yet")
GONE = Assessment(Health.MISSING, "it does not exist")


@dataclass(frozen=True, slots=True)
class HealthChange:
    """The health of an object has changed."""

    key: ObjectId


class HealthBook:
    """The health of all objects of one environment. May be written and read by any thread."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._known: dict[ObjectId, tuple[Assessment, int]] = {}

    def needs_status(self, group: str, kind: str) -> bool:
        """Whether a watch must carry whole objects for the health of this kind to be told."""
        return needs_status(self._rules, group, kind)

    def note(self, key: ObjectId, live: JsonObject, before: int | None = None) -> bool:
        """Take in an object as it stands. True where its health is another one now, or has another reason.

        `before` is the version that was known when a look began, which shows nothing older than that moment.
        """
        return self._note(key, assess(self._rules, live), _version(live), before)

    def gone(self, key: ObjectId, version: str = "", before: int | None = None) -> bool:
        """Take in that an object does not exist. `version` is that of its deletion, "" where not known."""
        return self._note(key, GONE, _number(version), before)

    def version(self, key: ObjectId) -> int:
        """The version of an object that is known, 0 for none."""
        return self._known.get(key, (HEALTHY, 0))[1]

    def versions(self) -> Mapping[ObjectId, int]:
        """The versions of all objects that are known."""
        with self._lock:
            return {key: version for key, (_, version) in self._known.items()}

    def forget(self, keys: Iterable[ObjectId]) -> None:
        """Objects that left the inventory."""
        with self._lock:
            for key in keys:
                self._known.pop(key, None)

    def of(self, entry: InventoryEntry) -> Assessment:
        """The health of an object of the inventory.

        Missing where it was never applied; Unknown where its kind has a status and no watch has shown it yet.
        """
        known = self._known.get(entry.id)
        if known is not None:
            return known[0]
        if not entry.uid:
            return UNAPPLIED
        return UNSEEN if needs_status(self._rules, entry.id.group, entry.id.kind) else HEALTHY

    def components(self, entries: Iterable[InventoryEntry]) -> Mapping[str, Assessment]:
        """The worst health of each component, with the first object that has it; none of what leaves."""
        found: dict[str, Assessment] = {}
        for entry in entries:
            if entry.leaving:
                continue
            known, before = self.of(entry), found.get(entry.component)
            if before is None or (
                known.health is not before.health and worst((known.health, before.health)) is known.health
            ):
                reason = f"{entry.id}: {known.reason or known.health}" if known.health not in PASSED else ""
                found[entry.component] = Assessment(known.health, reason)
        return found

    def _note(self, key: ObjectId, assessment: Assessment, version: int, since: int | None) -> bool:
        with self._lock:
            before, newest = self._known.get(key, (HEALTHY, 0))
            newest = 0 if newest == since else newest
            if version and version < newest:
                return False
            quiet = not needs_status(self._rules, key.group, key.kind)
            fresh = key not in self._known and not quiet
            if quiet and assessment == HEALTHY:
                self._known.pop(key, None)
            else:
                self._known[key] = (assessment, version or newest)
            return fresh or before != assessment


def overall(components: Mapping[str, Assessment]) -> Health:
    """The health of an environment: the worst of its components."""
    return worst(each.health for each in components.values())


def _version(live: JsonObject) -> int:
    return _number(str(metadata_of(live).get("resourceVersion") or ""))


def _number(version: str) -> int:
    """Versions of one kind are comparable numbers (KEP-5504); 0 where this one is none."""
    return int(version) if version.isdecimal() else 0
