"""What is ours: what those who send and judge objects know of their environment."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from envctl.agent.options import World
from envctl.agent.resource import ENVIRONMENT
from envctl.errors import ClusterError, UnavailableError
from envctl.model.objects import ObjectId, metadata_of
from envctl.model.values import JsonObject
from envctl.planning.guards import is_own, nobody
from envctl.planning.ownership import SET_ID, nameless

# Until a set that nobody was known to have is looked up again, in seconds.
_RARELY = 10.0


@dataclass(frozen=True, slots=True)
class Ours:
    """Whose objects are ours.

    `own` tells what the agent runs on. `former` are the sets whose objects are taken over. `name_of` says
    which environment another set belongs to, with its namespace where that is another one (``ns/name``); ""
    where nobody knows.
    """

    environment: str
    set_id: str
    own: Callable[[ObjectId], bool] = nobody
    former: frozenset[str] = frozenset()
    name_of: Callable[[str], str] = nameless


def ours_of(world: World) -> Ours:
    """What is the environment's of an agent."""
    options = world.options
    own = partial(is_own, namespace=options.namespace)
    return Ours(options.environment, options.set_id, own, options.former_ids, SetNames(world))


class SetNames:
    """The environments of this cluster by the ids of their sets, as far as they may be listed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, set_id: str) -> str:
        """The environment of a set. May be asked from any thread; asks the cluster rarely for each set."""
        now = self._world.clock.monotonic()
        with self._lock:
            # An environment that begins writes its first object before its status.
            if set_id not in self._known and now - self._asked.get(set_id, -_RARELY) >= _RARELY:
                self._asked[set_id] = now
                with suppress(UnavailableError):
                    self._known |= self._listed()
            return self._known.get(set_id, "")

    def _listed(self) -> Mapping[str, str]:
        cluster, namespace = self._world.cluster, self._world.options.namespace
        for where in ("", namespace):
            try:
                items = cluster.list(ENVIRONMENT, namespace=where).items
            except ClusterError:  # an agent may only read its own
                continue
            return dict(_named(each, namespace) for each in items)
        return {}


def _named(live: JsonObject, namespace: str) -> tuple[str, str]:
    """The id of the set of an `Environment` object, and the name that people know it by."""
    metadata = metadata_of(live)
    labels, name = metadata.get("labels"), str(metadata.get("name"))
    set_id = labels.get(SET_ID) if isinstance(labels, Mapping) else None
    place = metadata.get("namespace")
    return str(set_id or ""), name if place == namespace else f"{place}/{name}"
