"""Read a source tree: its settings, environments, locks and components. All problems in one pass."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from envctl.config.component import check_dependencies, parse_component
from envctl.config.environment import parse_environment, resolve_environment
from envctl.config.lock import parse_lock
from envctl.config.pauses import KINDS, parse_pause
from envctl.config.settings import parse_settings
from envctl.config.wording import did_you_mean
from envctl.errors import EnvctlError, InputError, Problem, UsageError
from envctl.model.component import ComponentFile
from envctl.model.environment import Environment, EnvironmentFile
from envctl.model.gates import Pause
from envctl.model.git import Entry, EntryKind
from envctl.model.lock import Lock
from envctl.model.settings import Settings
from envctl.ports import Tree

SETTINGS = "envctl.yaml"
_OVERLAY = ".jsonnet"
_YAML = ".yaml"
_SCHEMA = ".schema.json"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_REFUSED = {
    EntryKind.SYMLINK: (
        "leads through the symbolic link {at}",
        "links are never followed: commit the files themselves",
    ),
    EntryKind.SUBMODULE: (
        "leads into the submodule {at}, whose files are not in this repository",
        "commit the files themselves",
    ),
}


@dataclass(frozen=True, slots=True)
class Project:
    """One source tree, read: its settings and its environment files by name."""

    tree: Tree
    settings: Settings
    files: Mapping[str, EnvironmentFile]

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of the environments that have a deploy branch: promotion order, then by name."""
        names = sorted(name for name, each in self.files.items() if not each.abstract)
        return tuple(sorted(names, key=lambda name: (_steps(self.files, name, ()), name)))


def _steps(files: Mapping[str, EnvironmentFile], name: str, above: tuple[str, ...]) -> int:
    """How many promotions lie between the source branch and an environment; circles count as none."""
    origins = files[name].promotes_from if name in files and name not in above else None
    return max((1 + _steps(files, each, (*above, name)) for each in origins or ()), default=0)


def has_file(tree: Tree, path: str) -> bool:
    """Whether a tree has a file at a path.

    Raises InputError where a symbolic link or a submodule stands there or on the way, or a folder in
    place of the file, or one with the extension .yml: what somebody put there would be left out in silence.
    """
    entry = tree.entry(path)
    if entry is not None and entry.kind is EntryKind.FILE:
        return True
    _require_plain_way(tree, path)
    if path.endswith(_YAML) and tree.entry(misnamed := f"{path.removesuffix(_YAML)}.yml"):
        raise InputError("a file of this name is not read", place=misnamed, hint=f"rename it to {path}")
    if entry is not None:
        hint = "rename it, or put the file there"
        raise InputError("a folder stands where a file is read", place=path, hint=hint)
    return False


def _require_plain_way(tree: Tree, path: str) -> None:
    """Raise InputError where a link or a submodule stands at a path or on the way to it."""
    for prefix in _prefixes(path):
        entry = tree.entry(prefix)
        if entry is not None and entry.kind in _REFUSED:
            raise _refused(path, prefix, entry)


def _refused(path: str, at: str, entry: Entry) -> InputError:
    reason, hint = _REFUSED[entry.kind]
    return InputError(reason.format(at=at), place=path, hint=hint)


def _prefixes(path: str) -> Iterator[str]:
    """``a``, ``a/b``, ``a/b/c``."""
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts) + 1))


def load_settings(tree: Tree) -> Settings:
    """envctl.yaml of a tree, the defaults where there is none."""
    return parse_settings(tree.read(SETTINGS), SETTINGS) if has_file(tree, SETTINGS) else Settings()


def load_project(tree: Tree) -> Project:
    """Read settings and environments. Raises InputError with every problem of every file."""
    settings = load_settings(tree)
    files: dict[str, EnvironmentFile] = {}
    errors: list[EnvctlError] = []
    _require_plain_way(tree, "environments")
    for entry in tree.list("environments"):
        path = f"environments/{entry.name}/environment.yaml"
        try:
            if may_be_environment(entry) and has_file(tree, path):
                files[entry.name] = parse_environment(tree.read(path), path)
        except InputError as error:
            errors.append(error)
    raise_together(errors)
    if not files:
        raise InputError(
            f"no environment found in {described(tree)}",
            place="environments/",
            hint="an environment is a folder environments/<name>/ with an environment.yaml",
        )
    project = Project(tree, settings, files)
    require_renderable(project, files)
    _require_good_pauses(project)
    return project


def require_renderable(project: Project, names: Iterable[str]) -> None:
    """Raise InputError for files around some environments that a render would leave out in silence.

    That are overlays of these environments and of what they extend, and schemas and policies, which
    concern all.
    """
    _require_known_overlays(project, _with_extended(project, names))
    _require_known_schemas(project)
    _refuse_policies(project.tree)


def _with_extended(project: Project, names: Iterable[str]) -> list[str]:
    found: set[str] = set()
    pending = [*names]
    while pending:
        name = pending.pop()
        if name in project.files and name not in found:
            found.add(name)
            pending += project.files[name].extends
    return sorted(found)


def may_be_environment(entry: Entry) -> bool:
    """Whether an entry of environments/ is a folder, or stands where one could be."""
    return entry.kind is EntryKind.TREE or (entry.kind in _REFUSED and bool(_NAME.fullmatch(entry.name)))


def _refuse_policies(tree: Tree) -> None:
    """Somebody counts on a policy: left out in silence, nothing would guard what it is about."""
    _require_plain_way(tree, "policies")
    raise_together(
        InputError(
            "policies are not supported yet: nothing would check this one",
            place=f"policies/{entry.name}",
            hint="keep it outside policies/ until they are",
        )
        for entry in tree.list("policies")
        if entry.name.endswith((".yaml", ".yml", ".json"))
    )


def _require_known_overlays(project: Project, names: Iterable[str]) -> None:
    """An overlay that fits no component is a misspelt one: left out in silence, nobody would know."""
    known = _known_components(project)
    problems = tuple(
        Problem(
            f"environments/{name}/{entry.name}",
            f"there is no component {entry.name.removesuffix(_OVERLAY)} that this overlay could be for",
            did_you_mean(entry.name.removesuffix(_OVERLAY), sorted(known), otherwise="components here"),
        )
        for name in names
        for entry in project.tree.list(f"environments/{name}")
        if entry.name.endswith(_OVERLAY) and entry.name.removesuffix(_OVERLAY) not in known
    )
    raise_together(InputError(each.reason, place=each.place, hint=each.hint) for each in problems)


def _require_known_schemas(project: Project) -> None:
    """A schema that fits no component is a misspelt one: in silence, it would check nothing."""
    known = _known_components(project)
    raise_together(
        InputError(
            f"there is no component {name} that this schema could be for",
            place=f"schemas/{entry.name}",
            hint=did_you_mean(name, sorted(known), otherwise="components here"),
        )
        for entry in project.tree.list("schemas")
        if entry.name.endswith(_SCHEMA) and (name := entry.name.removesuffix(_SCHEMA)) not in known
    )
    raise_together(
        InputError(
            "a schema of this name is not read",
            place=f"schemas/{entry.name}",
            hint=f"rename it to schemas/{name}{_SCHEMA}",
        )
        for entry in project.tree.list("schemas")
        if entry.name.endswith(".json") and (name := entry.name.removesuffix(".json")) in known
    )


def _require_good_pauses(project: Project) -> None:
    """A freeze or suspend that is wrong, or where it is of no use, is told: somebody counts on it."""
    errors: list[EnvctlError] = []
    for name in sorted(project.files):
        try:
            pauses = load_pauses(project.tree, name)
        except InputError as error:
            errors.append(error)
            continue
        if pauses and project.files[name].abstract:
            reason = f"environment {name} is abstract: it is never published, so this pauses nothing"
            errors.append(InputError(reason, place=pauses[0].place, hint="pause those that extend it"))
    raise_together(errors)


def _known_components(project: Project) -> set[str]:
    """The names of components that are here, or that an environment names and may have pinned."""
    named = {use.name for each in project.files.values() for use in each.components or ()}
    return named | {entry.name for entry in project.tree.list("components")}


def raise_together(errors: Iterable[EnvctlError]) -> None:
    """Raise nothing, the one error, or one error that carries the problems of all."""
    found = tuple(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        problems = tuple(problem for each in found for problem in as_problems(each))
        raise InputError(f"{len(problems)} problems found", problems=problems)


def as_problems(error: EnvctlError) -> tuple[Problem, ...]:
    """An error as problems: itself, and its own; the summary of one without a place only counts those."""
    if error.problems and not error.place:
        return error.problems
    return (Problem(error.place, error.summary, error.hint), *error.problems)


def described(tree: Tree) -> str:
    """A tree as messages name it: ``the work tree``, ``commit 4c1f94c22bf2``."""
    return f"the {tree.label}" if tree.label in {"work tree", "index"} else f"commit {tree.label}"


def choose_environments(project: Project, names: Iterable[str]) -> tuple[str, ...]:
    """The named environments, all where none is named. Raises UsageError that lists what exists."""
    chosen = tuple(dict.fromkeys(names)) or project.environments
    for name in chosen:
        if name not in project.environments:
            raise unknown_environment(project, name)
    return chosen


def unknown_environment(project: Project, name: str) -> UsageError:
    """The error for a name that is no environment here."""
    if name in project.files:
        return UsageError(
            f"environment {name} is abstract: it is only there to be extended",
            hint=listed_environments(project),
        )
    hint = did_you_mean(name, project.environments, otherwise="environments here")
    return UsageError(
        f"there is no environment {name} in {described(project.tree)}",
        hint=hint or listed_environments(project),
    )


def listed_environments(project: Project) -> str:
    """The hint for whoever named an environment that does not exist."""
    return f"environments here: {', '.join(project.environments) or 'none'}"


def load_environment(project: Project, name: str) -> Environment:
    """One environment with its parents merged in. UsageError for an unknown, InputError for a bad one."""
    if name not in project.environments:
        raise unknown_environment(project, name)
    return resolve_environment(name, project.files)


def lock_path(environment: str) -> str:
    """Where an environment's pins are."""
    return f"environments/{environment}/lock.yaml"


def load_lock(tree: Tree, environment: Environment) -> Lock | None:
    """The pins of an environment; None where it tracks the source branch."""
    path = lock_path(environment.name)
    if has_file(tree, path):
        return parse_lock(tree.read(path), path)
    return Lock() if environment.promotes_from else None


def pause_path(environment: str, kind: str) -> str:
    """Where it stands that an environment is frozen (`kind` ``freeze``) or suspended (``suspend``)."""
    return f"environments/{environment}/{kind}.yaml"


def load_pauses(tree: Tree, environment: str) -> tuple[Pause, ...]:
    """The freeze and the suspend of an environment, lapsed ones too. Raises InputError for a wrong file."""
    names = [entry.name for entry in tree.list(f"environments/{environment}")]
    found = [_load_pause(tree, pause_path(environment, kind), names) for kind in KINDS]
    return tuple(each for each in found if each)


def read_pauses(tree: Tree, environment: str) -> tuple[tuple[Pause, ...], Mapping[str, str]]:
    """Those that can be read; and the files of others by their paths, with what is wrong with them."""
    names = [entry.name for entry in tree.list(f"environments/{environment}")]
    pauses: list[Pause] = []
    broken: dict[str, str] = {}
    for kind in KINDS:
        path = pause_path(environment, kind)
        try:
            pause = _load_pause(tree, path, names)
            pauses += [pause] if pause else []
        except InputError as error:
            folder, _, name = path.rpartition("/")
            wrong = [name] if name in names else _misspelt(name, names)
            broken |= {f"{folder}/{each}": error.summary for each in wrong}
    return tuple(pauses), broken


def _load_pause(tree: Tree, path: str, names: Sequence[str]) -> Pause | None:
    """The pause at a path; `names` are those in its folder. One that is misspelt would stop nothing."""
    folder, _, name = path.rpartition("/")
    if name in names and has_file(tree, path):
        return parse_pause(tree.read(path), path)
    for each in _misspelt(name, names):
        hint = f"rename it to {path}"
        raise InputError("a file of this name is not read", place=f"{folder}/{each}", hint=hint)
    return None


def _misspelt(name: str, names: Sequence[str]) -> list[str]:
    stem = name.removesuffix(_YAML)
    return [each for each in names if each != name and each.lower() in {name, f"{stem}.yml"}]


def is_unpromoted(project: Project, name: str) -> bool:
    """Whether an environment takes promotions and has never seen one: it has no lock file."""
    return bool(project.files[name].promotes_from) and not project.tree.entry(lock_path(name))


def component_place(project: Project, environment: Environment, component: str) -> str:
    """Where the environment, or the nearest one that it extends, names a component: ``<file>:<line>``."""
    for name in reversed(environment.chain):
        file = project.files[name]
        for index, use in enumerate(file.components or ()):
            if use.name == component:
                return file.place(("components", index))
    return project.files[environment.name].path


def component_path(component: str) -> str:
    """The file that a component is evaluated from."""
    return f"components/{component}/main.jsonnet"


def overlay_paths(tree: Tree, environment: Environment, component: str) -> tuple[str, ...]:
    """The overlays of a component that exist, parents first."""
    paths = (f"environments/{name}/{component}.jsonnet" for name in environment.chain)
    return tuple(path for path in paths if has_file(tree, path))


def load_component(tree: Tree, component: str) -> ComponentFile:
    """A component's own settings, defaults where it has no component.yaml."""
    path = f"components/{component}/component.yaml"
    return parse_component(tree.read(path), path) if has_file(tree, path) else ComponentFile()


def load_graph(trees: Mapping[str, Tree]) -> Mapping[str, tuple[str, ...]]:
    """Which component depends on which, each read in its own tree.

    Raises InputError on cycles and unknown names.
    """
    graph = {name: load_component(tree, name).depends_on for name, tree in trees.items()}
    check_dependencies(graph)
    return graph
