"""What an agent is told, and what each of its parts is given."""

from collections.abc import Callable
from dataclasses import dataclass

from envctl.delivery.deploy import deploy_branch, deploy_ref
from envctl.health.rules import Rules
from envctl.model.keeping import DriftPolicy
from envctl.model.status import Level, LogEntry
from envctl.planning.ownership import PART_OF, applyset_id
from envctl.ports import Clock, Cluster, Repository

NAMESPACE = "envctl-system"


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The settings of one agent, for one environment in one cluster.

    - `remote`: where the deploy branch is fetched from, a URL or the name of a configured
      remote. Empty for a reconcile of a local branch.
    - `namespace`: where the inventory and the `Environment` object live; created where absent.
    - `interval`: seconds between two look-ups of the branch, each spread by a tenth so that
      many agents do not ask at once.
    - `concurrency`: how many objects are sent at once. The API server's own fairness sets the
      pace; more than a few in flight only wait there.
    - `definition_wait`, `prune_wait`: how many seconds a reconcile waits for a new kind to be
      served, and for deleted objects to be gone, before it reports them and goes on.
    - `prune_window`: how many seconds the budget of removals counts back (`planning.guards`).
    - `health_wait`: how many seconds a step may wait for the health of others until that is reported as
      stalled; it goes on waiting.
    - `namespaced`: watch each namespace by itself, for credentials that reach only some namespaces.
    - `drift`: what is done about drift of objects that do not say it themselves.
    - `retry_first`, `retry_most`: seconds until what failed is tried again; doubled each time.
    - `source_most`: the same for look-ups of the branch, which begin at `interval`.
    - `take_over`: the environments, of the same `namespace`, that this one was before: their objects are
      taken over where the branch has them.
    """

    environment: str
    remote: str = ""
    namespace: str = NAMESPACE
    interval: float = 15
    concurrency: int = 8
    definition_wait: float = 30
    prune_wait: float = 10
    prune_window: float = 3600
    health_wait: float = 600
    namespaced: bool = False
    drift: DriftPolicy = DriftPolicy.HEAL
    retry_first: float = 5
    retry_most: float = 300
    source_most: float = 900
    take_over: tuple[str, ...] = ()

    @property
    def branch(self) -> str:
        """The deploy branch, as people name it."""
        return deploy_branch(self.environment)

    @property
    def ref(self) -> str:
        """The full ref name of the deploy branch."""
        return deploy_ref(self.environment)

    @property
    def set_id(self) -> str:
        """The id of the set of objects that this environment owns in its cluster."""
        return applyset_id(self.environment, self.namespace)

    @property
    def former_ids(self) -> frozenset[str]:
        """The ids of the sets whose objects are taken over."""
        return frozenset(applyset_id(each, self.namespace) for each in self.take_over)

    @property
    def selector(self) -> str:
        """The label selector that finds exactly our objects."""
        return f"{PART_OF}={self.set_id}"


Log = Callable[[LogEntry], None]


@dataclass(frozen=True, slots=True)
class World:
    """The ports that the parts of an agent share."""

    options: AgentOptions
    repository: Repository
    cluster: Cluster
    clock: Clock
    log: Log
    rules: Rules

    def say(self, level: Level, message: str, **fields: str) -> None:
        """Log one entry, with the environment among its fields."""
        self.log(LogEntry(level, message, {"environment": self.options.environment, **fields}))
