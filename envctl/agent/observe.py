"""Observe: one watch a kind, filtered by our label. At rest nothing is asked at all.

Where health needs no status, a watch carries metadata only, and else nothing but the health is kept.
`managedFields` tells whether the fields that were applied still stand, so drift is seen
without reading a single Secret. What is as it should be is dropped where it arrives.
"""

import random
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from envctl.agent.healthbook import HealthBook, HealthChange
from envctl.agent.options import World
from envctl.agent.tasks import reason_of, version_of
from envctl.agent.threads import AgentThread, Crashed
from envctl.errors import ClusterError, EnvctlError, InputError, UnavailableError
from envctl.model.cluster import EventKind, ResourceType, WatchEvent
from envctl.model.inventory import InventoryEntry
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.status import Level
from envctl.planning.fields import fields_digest, last_manager, last_paths
from envctl.planning.yielding import is_scaled

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# Between two watches that ended as they should; nothing is lost, the next one tells the state first.
_BREATH = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """What was known of an object, or of all, when a look began: its version, and the one that we wrote."""

    versions: Mapping[ObjectId, int]
    written: Mapping[ObjectId, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What watches compare with: the inventory, the health, and the objects whose drift was left as it is.

    `written`: the versions that we wrote. Those of a history that the cluster has no more are taken out here.
    """

    entries: Callable[[], Mapping[ObjectId, InventoryEntry]]
    book: HealthBook
    left: Callable[[], Container[ObjectId]] = frozenset
    written: MutableMapping[ObjectId, str] = field(default_factory=dict[ObjectId, str])

    def heard(self) -> Heard:
        """What is known now. To be asked before a look begins."""
        return Heard(self.book.versions(), dict(self.written))

    def rewound(self, key: ObjectId, version: str, heard: Heard) -> bool:
        """Whether a look shows an object older than it was known to be before, or not at all ("")."""
        wrote = heard.written.get(key, "")
        older = _is_older(version, str(heard.versions.get(key, 0))) or _is_older(version, wrote)
        if (older or not version) and self.written.get(key) == wrote:
            self.written.pop(key, None)
        return older


@dataclass(frozen=True, slots=True)
class Drift:
    """An object that may not be as it was applied.

    `version` is the live object's, `fields` the digest of the fields that are still ours, `manager`
    who wrote last, `paths` the fields that are theirs. `vanished`: it was deleted, or lost our label;
    `scaled`: an autoscaler has set its replicas.
    """

    key: ObjectId
    version: str
    fields: str = ""
    manager: str = ""
    paths: tuple[str, ...] = ()
    vanished: bool = False
    scaled: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """The cluster may not be the one that is known: a watch was broken, or an object is older than it was."""


News = Drift | HealthChange | Doubt


def drift_in(
    event: WatchEvent, entries: Mapping[ObjectId, InventoryEntry], left: Container[ObjectId] = ()
) -> Drift | None:
    """The drift that an event may mean, None where the object stands as it was applied or is not ours.

    For an object that was `left` as it is, the end of its drift is told as well.
    """
    key = key_of(event)
    entry = entries.get(key)
    if entry is None or entry.leaving:
        return None
    version = version_of(event.object)
    if event.kind is EventKind.DELETED:
        return Drift(key, version, vanished=True)
    fields = fields_digest(event.object)
    if entry.settled and fields == entry.fields and key not in left:
        return None
    live = event.object
    return Drift(key, version, fields, last_manager(live), last_paths(live), scaled=is_scaled(live))


def still_drifts(drift: Drift, entry: InventoryEntry, written: str) -> bool:
    """Whether a drift is still one, now that it is looked at; `written` is the version that we wrote last.

    An event that was on its way while we wrote is older than that. Versions of one kind are
    comparable numbers (KEP-5504).
    """
    return not _is_older(drift.version, written) and (drift.vanished or drift.fields != entry.fields)


def _is_older(version: str, other: str) -> bool:
    return version.isdecimal() and other.isdecimal() and int(version) < int(other)


def key_of(event: WatchEvent) -> ObjectId:
    """The identity of the object of an event."""
    fields = metadata_of(event.object)
    return ObjectId(
        event.type.group, event.type.kind, str(fields.get("namespace") or ""), str(fields.get("name") or "")
    )


@dataclass(frozen=True, order=True, slots=True)
class Scope:
    """What one watch looks at: a kind, in all namespaces (empty) or in one."""

    group: str
    kind: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} in {self.namespace}" if self.namespace else self.kind

    def holds(self, key: ObjectId) -> bool:
        """Whether a watch of this scope tells of an object."""
        return (key.group, key.kind) == (self.group, self.kind) and self.namespace in {"", key.namespace}


def scopes_of(keys: Iterable[ObjectId], *, namespaced: bool) -> frozenset[Scope]:
    """The watches that tell of these objects: one a kind, or one a kind and namespace."""
    return frozenset(Scope(key.group, key.kind, key.namespace if namespaced else "") for key in keys)


def current_drift(world: World, known: Known) -> list[Drift]:
    """All drift that there is now, by one look at each scope; one that may not be looked at is told.

    The health of all is noted along.
    """
    scopes = served(world, scopes_of(known.entries(), namespaced=world.options.namespaced))
    return [drift for scope, kind in scopes for drift in _looked_at(world, scope, kind, known)]


def _looked_at(world: World, scope: Scope, kind: ResourceType, known: Known) -> list[Drift]:
    heard = known.heard()
    try:
        watch = world.cluster.watch(
            kind,
            selector=world.options.selector,
            namespace=scope.namespace,
            metadata_only=not known.book.needs_status(kind.group, kind.kind),
        )
        with watch as events:
            found = _initial(scope, events, known, heard)
            return [each for each in found if isinstance(each, Drift)]
    except (ClusterError, InputError) as error:  # a namespace that the branch names may be no name of one
        reason = reason_of(error, world.options.environment)
        world.say(Level.WARNING, f"cannot look at {scope}: {reason}", kind=scope.kind)
        return []


def served(world: World, scopes: Iterable[Scope]) -> tuple[tuple[Scope, ResourceType], ...]:
    """The scopes with their served types; those that cannot be had now are told, and left out."""
    found, missing = served_types(world, scopes)
    for scope, why in missing.items():
        if why:
            world.say(Level.WARNING, f"cannot watch {scope}: {why}", kind=scope.kind)
    return tuple(found.items())


def served_types(
    world: World, scopes: Iterable[Scope]
) -> tuple[Mapping[Scope, ResourceType], Mapping[Scope, str]]:
    """The served types of scopes, and why others have none: "" where the server says that it serves none."""
    found: dict[Scope, ResourceType] = {}
    missing: dict[Scope, str] = {}
    for scope in sorted(scopes):
        try:
            kind = world.cluster.resource_type(scope.group, scope.kind)
        except EnvctlError as error:
            missing[scope] = error.summary
        else:
            if kind:
                found[scope] = kind
            else:
                missing[scope] = ""
    return found, missing


def news_of(event: WatchEvent, known: Known, heard: Heard | None = None) -> Iterator[News]:
    """What an event tells: drift, and another health. Health is noted on the way.

    `heard` for one of an initial state: what was known before it was asked for.
    """
    key, entries = key_of(event), known.entries()
    if key not in entries:
        return
    if heard and known.rewound(key, version_of(event.object), heard):
        yield Doubt()
    if event.kind is EventKind.DELETED:
        changed = known.book.gone(key, version_of(event.object))
    else:
        before = heard.versions.get(key, 0) if heard else None
        changed = known.book.note(key, event.object, before)
    if changed:
        yield HealthChange(key)
    if (drift := drift_in(event, entries, known.left())) is not None:
        yield drift


def _initial(scope: Scope, events: Iterator[WatchEvent], known: Known, heard: Heard) -> Iterator[News]:
    """Follow a watch to the end of its initial state; whatever was not in it is missing.

    `heard` is what was known before it was asked for. Raises UnavailableError where the watch ends before:
    nothing can be said of what was not told.
    """
    # Taken before the state: what is applied for the first time while it arrives is not missing.
    before = known.entries()
    seen: set[ObjectId] = set()
    for event in events:
        if event.kind is EventKind.SYNCED:
            for drift in missing(scope, seen, before):
                known.rewound(drift.key, "", heard)
                if known.book.gone(drift.key, before=heard.versions.get(drift.key, 0)):
                    yield HealthChange(drift.key)
                yield drift
            return
        if event.kind is EventKind.ADDED:
            seen.add(key_of(event))
            yield from news_of(event, known, heard)
    raise UnavailableError("the watch ended before it had told the whole state")


def missing(scope: Scope, seen: set[ObjectId], entries: Mapping[ObjectId, InventoryEntry]) -> Iterator[Drift]:
    """The objects of a scope that should be there and were not in a complete initial state."""
    for key, entry in entries.items():
        if scope.holds(key) and entry.settled and key not in seen:
            yield Drift(key, "", vanished=True)


class Watcher(AgentThread):
    """Watches one kind until it is stopped, and hands on what may be drift, and other health."""

    def __init__(
        self,
        world: World,
        scope: Scope,
        kind: ResourceType,
        known: Known,
        hand_on: Callable[[News], None],
        crashed: Crashed,
    ) -> None:
        super().__init__(f"envctl-watch-{kind}", self._keep_watching, crashed)
        self._world = world
        self._scope = scope
        self._kind = kind
        self._known = known
        self._hand_on = hand_on
        self._stopped = threading.Event()
        self._watch: AbstractContextManager[Iterator[WatchEvent]] | None = None
        self._broken = False
        self.trouble = ""

    def _keep_watching(self) -> None:
        """Follow one watch after the other; wait longer each time that one fails."""
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                self._follow()
                pause = _FIRST_PAUSE
                self._stopped.wait(_BREATH)
            except EnvctlError as error:
                if self._stopped.is_set():
                    return
                self._broken = True
                self._say(reason_of(error, self._world.options.environment))
                self._stopped.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311  (no secret: spreads watches)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def stop(self) -> None:
        """End at once."""
        self._stopped.set()
        if (watch := self._watch) is not None:
            watch.__exit__(None, None, None)

    def _follow(self) -> None:
        heard = self._known.heard()
        watch = self._world.cluster.watch(
            self._kind,
            selector=self._world.options.selector,
            namespace=self._scope.namespace,
            metadata_only=not self._known.book.needs_status(self._kind.group, self._kind.kind),
        )
        self._watch = watch
        with watch as events:
            if self._stopped.is_set():
                return
            for news in _initial(self._scope, events, self._known, heard):
                self._hand_on(news)
            del heard
            if self._broken:
                self._broken = False
                self._hand_on(Doubt())
            self._say("")
            for event in events:
                if event.kind is EventKind.EXPIRED:
                    self._broken = True
                    return
                for news in news_of(event, self._known):
                    self._hand_on(news)

    def _say(self, trouble: str) -> None:
        """Log a change of state, once."""
        if trouble and trouble != self.trouble:
            self._world.say(Level.WARNING, f"cannot watch {self._scope}: {trouble}", kind=str(self._kind))
        if not trouble and self.trouble:
            self._world.say(Level.INFO, f"watching {self._scope} again", kind=str(self._kind))
        self.trouble = trouble


class Observer:
    """One watcher for each kind in the inventory, or for each kind and namespace."""

    def __init__(
        self,
        world: World,
        known: Known,
        hand_on: Callable[[News], None],
        crashed: Crashed,
    ) -> None:
        self._world = world
        self._known = known
        self._hand_on = hand_on
        self._crashed = crashed
        self._watchers: dict[Scope, Watcher] = {}
        self._followed: Mapping[ObjectId, InventoryEntry] | None = None
        self._missing: Mapping[Scope, str] = {}  # what has no watcher, and why; replaced, never changed
        self._pause = _FIRST_PAUSE
        self.due: float | None = None
        """When `follow` tries again what could not be watched, in monotonic seconds; None for nothing."""

    def follow(self) -> None:
        """Start and stop watchers so that they fit the inventory. Costs nothing while it is the same."""
        entries, now = self._known.entries(), self._world.clock.monotonic()
        if entries is not self._followed:
            self._pause = _FIRST_PAUSE
        elif self.due is None or now < self.due:
            return
        self._followed = entries
        present = scopes_of(entries, namespaced=self._world.options.namespaced)
        for scope in self._watchers.keys() - present:
            self._watchers.pop(scope).stop()
        found, missing = served_types(self._world, present - self._watchers.keys())
        for scope, kind in found.items():
            watcher = Watcher(self._world, scope, kind, self._known, self._hand_on, self._crashed)
            self._watchers[scope] = watcher
            watcher.start()
        self._note_missing(missing)
        self.due = now + self._pause if missing else None
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _note_missing(self, missing: Mapping[Scope, str]) -> None:
        """Log what cannot be watched and why, once."""
        for scope, why in missing.items():
            if why and why != self._missing.get(scope):
                self._world.say(Level.WARNING, f"cannot watch {scope}: {why}", kind=scope.kind)
        self._missing = missing

    def trouble(self) -> str:
        """What cannot be watched now and why, "" where all can. May be asked by any thread.

        A kind that the server does not serve has nothing to be watched.
        """
        troubles = (*(each.trouble for each in tuple(self._watchers.values())), *self._missing.values())
        return next(filter(None, troubles), "")

    def stop(self) -> None:
        """Stop all watchers and wait for them."""
        for watcher in self._watchers.values():
            watcher.stop()
        for watcher in self._watchers.values():
            watcher.join(timeout=5)
        self._watchers.clear()
        self._followed, self._missing, self.due = None, {}, None
