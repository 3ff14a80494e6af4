"""The composition root: the only module that names adapters and workflows together.

Adapters are heavy, so each is imported when it is first needed.
"""

import hashlib
import math
import os
import platform
import random
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from envctl.errors import Problem
from envctl.health.rules import Rules
from envctl.model.access import Access
from envctl.model.settings import Settings
from envctl.model.status import EnvironmentStatus, LogEntry
from envctl.model.values import JsonObject
from envctl.ports import Clock, Cluster, Evaluator, RenderCache, Repository, Tree

if TYPE_CHECKING:
    from envctl.agent.options import World
    from envctl.installation.manifests import Installation
    from envctl.manifests.stream import Placed
    from envctl.model.applied import Applied
    from envctl.model.planned import ClusterPlan
    from envctl.workflows.install import Installed


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()


def system_clock() -> Clock:
    """The clock that everything shares."""
    return SystemClock()


def wait(lost: int) -> None:
    """Wait before the next try of a lost race: a random part of 0.2 s, then of twice as long each time.

    Writers who lost together would else meet again at each of their tries.
    """
    sleep(random.uniform(0, 0.1 * 2**lost))  # noqa: S311  it spreads writers, and guards nothing


def now() -> int:
    """The time, in whole seconds since 1970."""
    return int(system_clock().now().timestamp())


def open_repository(directory: Path) -> Repository:
    """The Git repository that a folder lies in. Raises InputError where there is none."""
    from envctl.gitstore.repository import open_repository as adapter

    return adapter(directory, clock=system_clock())


def open_store(directory: Path, access: Access | None = None) -> Repository:
    """A bare repository for fetched objects, made where absent. `access` opens its remotes."""
    from envctl.gitstore.repository import open_store as adapter

    return adapter(directory, clock=system_clock(), access=access)


@contextmanager
def evaluator(
    repository: Repository, engine: str | None = None, *, tree: Tree | None = None, jobs: int | None = None
) -> Iterator[Evaluator]:
    """A jsonnet engine with the limits of a source's settings; its worker processes end with the context.

    The engine of that name, or the one of the settings in `tree` (by default the current ones). Raises
    UsageError for an unknown engine, UnavailableError for one that is not installed.
    """
    from envctl.jsonnet.evaluator import JsonnetEvaluator
    from envctl.jsonnet.limits import Limits
    from envctl.schemacheck.checker import CheckLimits, ProcessSchemaChecker
    from envctl.workflows.sources.project import load_settings

    chosen = (load_settings(tree) if tree else current_settings(repository)).evaluation
    limits = Limits(wall=chosen.seconds, cpu=math.ceil(2 * chosen.seconds), memory=chosen.memory)
    checker = ProcessSchemaChecker(CheckLimits(chosen.seconds, chosen.memory))
    with (
        closing(checker),
        JsonnetEvaluator(
            engine or chosen.engine, limits, workers=jobs or chosen.jobs, schemas=checker
        ) as adapter,
    ):
        yield adapter


def engine_version(name: str) -> str:
    """Name and version of an installed jsonnet engine, "" for any other."""
    from envctl.errors import EnvctlError
    from envctl.jsonnet.engines import engine_named
    from envctl.jsonnet.engines import engine_version as version

    try:
        return version(engine_named(name))
    except EnvctlError:
        return ""


def render_cache(repository: Repository) -> RenderCache | None:
    """What renders of this repository remember: in its Git folder, shared by all linked work trees.

    In the user's cache folder where the Git folder cannot be written; nowhere without a folder.
    """
    from envctl.gitstore.repository import GitRepository
    from envctl.rendercache.files import FileCache

    if not isinstance(repository, GitRepository):
        return None
    folder = repository.common_folder
    if os.access(folder, os.W_OK):
        return FileCache(folder / "envctl" / "render")
    from envctl.devcluster.folders import cache_folder

    return FileCache(cache_folder() / "render" / hashlib.sha256(bytes(folder.resolve())).hexdigest()[:16])


def current_settings(repository: Repository) -> Settings:
    """envctl.yaml of the work tree, or of HEAD in a bare repository; defaults where there is none."""
    from envctl.workflows.sources.project import load_settings

    if not repository.is_bare:
        return load_settings(repository.work_tree())
    head = repository.head()[1]
    return load_settings(repository.tree(head)) if head else Settings()


def reach(
    kubeconfig: Path | None, context: str | None, may_write: Callable[[], bool], resync: float = 600
) -> Cluster:
    """As `connect`, to be closed by the caller; `may_write` is asked before each write is sent.

    Watches tell the whole state again within `resync` seconds.
    """
    from envctl.kube.connect import connect as adapter

    return adapter(kubeconfig, context, may_write, resync)


@contextmanager
def connect(kubeconfig: Path | None, context: str | None) -> Iterator[Cluster]:
    """The cluster of a kubeconfig context, or of the pod that envctl runs in; closed with the context."""
    from envctl.kube.connect import connect as adapter

    with closing(adapter(kubeconfig, context)) as cluster:
        yield cluster


def health_rules(own: Sequence[str] = ()) -> Rules:
    """The rules for health that come with envctl, after those of the files and folders in `own`.

    Raises InputError for a file that cannot be read, with every problem and its line.
    """
    from envctl.health.parse import overlaid
    from envctl.rulefiles.packaged import packaged_rules, read_rules

    if not own:
        return packaged_rules()
    from envctl.filesystem.inputs import read_inputs

    return overlaid(packaged_rules(), read_rules(read_inputs(own)))


def live_objects(paths: Sequence[str]) -> tuple["Placed", ...]:
    """The objects in files, folders and standard input (``-``). Raises InputError with every problem."""
    from envctl.errors import InputError
    from envctl.filesystem.inputs import read_inputs
    from envctl.manifests.stream import read_objects

    found, problems = list["Placed"](), list[Problem]()
    for name, data in read_inputs(paths):
        try:
            found += read_objects(data, name)
        except InputError as error:
            problems += error.problems or (Problem(error.place, error.summary, error.hint),)
    if problems:
        raise InputError("not everything can be read", problems=tuple(problems))
    return tuple(found)


def export_tree(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a deploy tree to a folder, replacing an earlier export."""
    from envctl.filesystem.export import export_tree as adapter

    adapter(files, folder)


def cluster_status(
    environments: Sequence[str], kubeconfig: Path | None, context: str | None, namespace: str
) -> dict[str, EnvironmentStatus | None]:
    """What the agents of a cluster report, None for environments without an agent there."""
    from envctl.agent.report import read_status

    with connect(kubeconfig, context) as cluster:
        return {name: read_status(cluster, name, namespace) for name in environments}


@dataclass(frozen=True, slots=True)
class PushSettings:
    """What the command line tells an apply. `timeout` None does not wait for health.

    `force` acts beside an agent: its Lease is not asked for.
    """

    environment: str
    kubeconfig: Path | None
    context: str | None
    namespace: str
    namespaced: bool = False
    timeout: float | None = None
    force: bool = False
    take_over: tuple[str, ...] = ()


_TURN = 600.0  # how long another apply is waited for where nothing else was said


def push(
    directory: Path,
    settings: PushSettings,
    log: Callable[[LogEntry], None],
    stop: threading.Event,
    tell: Callable[[str], None],
) -> tuple[str, "Applied"]:
    """Apply the published branch of a repository: the cluster's address, and what came of it."""
    from envctl.agent.lease import Elector, LeaseOptions
    from envctl.agent.once import Driver, Patience, apply_once
    from envctl.agent.tasks import naming_rights
    from envctl.agent.turn import PREFIX, turn

    repository, tip = _published(directory, settings.environment)
    patience = None if settings.timeout is None else Patience(settings.timeout)
    rights = naming_rights(settings.environment)
    with rights, connect(settings.kubeconfig, settings.context) as cluster:
        cluster.ping()
        tell(f"applying deploy/{settings.environment} to {cluster.url} …")
        if settings.force:
            world = _push_world(settings, repository, cluster, log)
            return cluster.url, apply_once(world, tip, patience, Driver(stop, tell=tell))
        identity = f"{PREFIX}{platform.node()}_{uuid.uuid4().hex[:8]}"
        options = LeaseOptions(settings.environment, settings.namespace, identity)
        elector = Elector(options, cluster, system_clock(), log)
        with (
            turn(elector, system_clock(), stop, settings.timeout or _TURN, tell),
            closing(reach(settings.kubeconfig, settings.context, elector.may_write)) as fenced,
        ):
            world = _push_world(settings, repository, fenced, log)
            return cluster.url, apply_once(world, tip, patience, Driver(stop, elector.may_write, tell))


def dry_run(
    directory: Path, settings: PushSettings, log: Callable[[LogEntry], None], *, everything: bool = False
) -> tuple[str, "ClusterPlan"]:
    """What `push` would do; nothing is written. With `everything` each object is asked about."""
    from envctl.agent.preview import preview
    from envctl.agent.tasks import naming_rights

    repository, tip = _published(directory, settings.environment)
    rights = naming_rights(settings.environment)
    with rights, connect(settings.kubeconfig, settings.context) as cluster:
        cluster.ping()
        world = _push_world(settings, repository, cluster, log)
        return cluster.url, preview(world, tip, everything=everything)


def _published(directory: Path, environment: str) -> tuple[Repository, str]:
    from envctl.workflows.publishing.publish import published_tip

    repository = open_repository(directory)
    return repository, published_tip(repository, environment).commit.id


def _push_world(
    settings: PushSettings, repository: Repository, cluster: Cluster, log: Callable[[LogEntry], None]
) -> "World":
    from envctl.agent.options import AgentOptions, World

    options = AgentOptions(
        settings.environment,
        namespace=settings.namespace,
        namespaced=settings.namespaced,
        take_over=settings.take_over,
    )
    return World(options, repository, cluster, system_clock(), log, health_rules())


def installed(repository: Repository, installation: "Installation", history: int) -> "Installed":
    """The manifests that run an agent, its own kind among them."""
    from envctl.agent.resource import definition
    from envctl.workflows.install import install

    found = install(repository, installation, history)
    return replace(found, objects=(definition(), *found.objects))


def manifest_text(objects: Sequence[JsonObject]) -> str:
    """Objects as YAML documents, for `kubectl apply -f -`."""
    from envctl.manifests.text import to_yaml

    return "---\n".join(to_yaml(each).decode() for each in objects)
