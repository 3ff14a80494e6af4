"""Agents: each with its lease, its store, its cluster and its reports, together in one process.

Imports of what only an agent needs are inside the functions: most commands run without it.
"""

import hashlib
import platform
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from envctl.errors import AccessError, UnavailableError
from envctl.model.access import Access
from envctl.model.status import Level, LogEntry
from envctl.ports import Cluster
from envctl.wiring import health_rules, open_store, system_clock

if TYPE_CHECKING:
    from envctl.agent.board import Board
    from envctl.gitstore.deploystore import DeployStore


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What the command line tells an agent. `store` None means a folder in the cache folder.

    With `report_status`, Git is told how things stand: see `agent.statusref`.
    """

    environment: str
    repository: str
    interval: float
    store: Path | None
    namespace: str
    namespaced: bool = False
    drift: str = "heal"
    report_status: bool = False
    report_pause: float = 30
    heartbeat: float = 600
    access: Access = field(default_factory=Access)
    fetch_timeout: float = 300
    take_over: tuple[str, ...] = ()


def run_agents(
    agents: Sequence[AgentSettings],
    reach: Callable[[Callable[[], bool]], Cluster],
    log: Callable[[LogEntry], None],
    stop: threading.Event,
    *,
    lease: int | None = 15,
    listen: str = "",
) -> None:
    """Run one agent for each environment until `stop` is set.

    `reach` connects to the cluster; it is given what has to be asked before each write. With a `lease` of
    so many seconds, an agent acts only while it holds its environment's Lease. Probes and metrics are
    answered at the address `listen`, if there is one.
    """
    from envctl.agent.board import Board
    from envctl.agent.crew import run_together

    boards = {each.environment: Board(each.environment, monotonic) for each in agents}
    work = partial(_run_elected, lease) if lease else _run_alone
    with _listening(listen, tuple(boards.values())):
        run_together(
            {each.environment: partial(work, each, boards[each.environment], reach, log) for each in agents},
            stop,
        )


@contextmanager
def _listening(address: str, boards: "Sequence[Board]") -> Iterator[None]:
    if not address:
        yield
        return
    from envctl.agent.pages import answer
    from envctl.httpserver.exposition import metrics_page
    from envctl.httpserver.server import Server

    with closing(Server(address, lambda path: answer(boards, path, metrics_page))):
        yield


def _run_elected(
    duration: int,
    settings: AgentSettings,
    board: "Board",
    reach: Callable[[Callable[[], bool]], Cluster],
    log: Callable[[LogEntry], None],
    stop: threading.Event,
) -> None:
    from envctl.agent.lease import Elector, LeaseOptions, lead

    identity = f"{platform.node()}_{uuid.uuid4().hex[:8]}"
    options = LeaseOptions(settings.environment, settings.namespace, identity, duration)
    # A connection of its own: no slow request of the agent may keep the lease from being renewed.
    with closing(reach(lambda: True)) as cluster:
        elector = Elector(options, cluster, system_clock(), log)
        stale = "the lease was not renewed in time"
        board.attach(
            cluster.answers,
            lambda: elector.trouble or (stale if board.leads and not elector.may_write() else ""),
        )
        with closing(reach(elector.may_write)) as fenced:
            board.attach(fenced.answers)
            lead(elector, partial(_work, settings, board, fenced, log), stop)


def _run_alone(
    settings: AgentSettings,
    board: "Board",
    reach: Callable[[Callable[[], bool]], Cluster],
    log: Callable[[LogEntry], None],
    stop: threading.Event,
) -> None:
    with closing(reach(lambda: True)) as cluster:
        board.attach(cluster.answers)
        _work(settings, board, cluster, log, stop)


def _work(
    settings: AgentSettings,
    board: "Board",
    cluster: Cluster,
    log: Callable[[LogEntry], None],
    stop: threading.Event,
) -> None:
    from envctl.agent.loop import Agent
    from envctl.agent.options import AgentOptions
    from envctl.gitstore.attempts import FileAttempts
    from envctl.model.keeping import DriftPolicy

    options = AgentOptions(
        settings.environment,
        settings.repository,
        namespace=settings.namespace,
        interval=settings.interval,
        namespaced=settings.namespaced,
        drift=DriftPolicy(settings.drift),
        take_over=settings.take_over,
    )
    store = _store(settings, log, stop)
    if store is None:
        return
    folder, repository = store
    with closing(repository), _reporting(settings, board, log):
        attempts = FileAttempts(folder)
        Agent(options, repository, cluster, system_clock(), log, health_rules(), board, attempts).run(stop)


@contextmanager
def _reporting(settings: AgentSettings, board: "Board", log: Callable[[LogEntry], None]) -> Iterator[None]:
    if not settings.report_status:
        yield
        return
    from envctl.agent.statusref import StatusRef, StatusRefOptions

    options = StatusRefOptions(
        settings.environment, settings.repository, settings.report_pause, settings.heartbeat
    )
    # A store of its own: the agent's is trimmed to deploy commits, and thrown away when it is damaged.
    folder = settings.store or _default_store(settings)
    store = open_store(folder.with_name(f"{folder.name}-status"), settings.access)
    reporter = StatusRef(options, store, system_clock(), log, lambda: board.leads and board.ready)
    reporter.start()
    try:
        with board.listening(reporter.show):
            yield
    finally:
        reporter.stop()


def _store(
    settings: AgentSettings, log: Callable[[LogEntry], None], stop: threading.Event
) -> "tuple[Path, DeployStore] | None":
    """The store, as soon as the disk lets it be opened; None where the end comes first.

    Raises InputError for a folder that is not one of a store.
    """
    from envctl.gitstore.deploystore import open_deploy_store
    from envctl.gitstore.fetching import FetchLimits

    folder, pause, said = settings.store or _default_store(settings), 1.0, ""
    limits = FetchLimits(fetch=settings.fetch_timeout)
    while not stop.is_set():
        try:
            return folder, open_deploy_store(
                folder, clock=system_clock(), access=settings.access, limits=limits
            )
        except (AccessError, UnavailableError) as error:
            if error.line != said:
                log(LogEntry(Level.WARNING, error.line, {"environment": settings.environment}))
            said = error.line
            stop.wait(pause)
            pause = min(2 * pause, 60)
    return None


def _default_store(settings: AgentSettings) -> Path:
    from envctl.devcluster.folders import cache_folder

    digest = hashlib.sha256(settings.repository.encode()).hexdigest()[:16]
    return cache_folder() / "stores" / f"{settings.environment}-{digest}"
