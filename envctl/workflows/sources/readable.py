"""The environments of a source tree, each read for itself: one that is wrong leaves the others readable."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from envctl.config.environment import parse_environment
from envctl.errors import EnvctlError, InputError
from envctl.model.environment import Environment, EnvironmentFile
from envctl.ports import Tree
from envctl.workflows.sources.project import (
    Project,
    has_file,
    load_environment,
    load_project,
    load_settings,
    may_be_environment,
    require_renderable,
    unknown_environment,
)

Parse = Callable[[Tree, str], EnvironmentFile]


@dataclass(frozen=True, slots=True)
class Readable:
    """The project with those environment files that can be read, and why the others cannot."""

    project: Project
    errors: Mapping[str, EnvctlError]

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that have a deploy branch, in promotion order; last those that cannot be read."""
        return (*self.project.environments, *sorted(self.errors))

    def chosen(self, names: Iterable[str]) -> tuple[str, ...]:
        """The named environments, all where none is named. Raises UsageError that lists what exists."""
        chosen = tuple(dict.fromkeys(names)) or self.environments
        for name in chosen:
            if name not in self.environments:
                raise unknown_environment(self.project, name)
        return chosen

    def environment(self, name: str) -> Environment:
        """One environment with its parents merged in. Raises InputError where a file of them is bad."""
        self._require_readable(name)
        return load_environment(self._whole(), name)

    def limited(self, names: Iterable[str]) -> Project:
        """The project as these environments need it, to render them: what is wrong elsewhere is left out.

        Raises InputError where one of them, or what it extends, cannot be read.
        """
        chosen = tuple(names)
        for name in chosen:
            self._require_readable(name)
        project = self._whole()
        require_renderable(project, chosen)
        return project

    def _require_readable(self, name: str) -> None:
        pending, seen = [name], {name}
        while pending:
            at = pending.pop()
            if at in self.errors:
                raise self.errors[at]
            file = self.project.files.get(at)
            above = [each for each in (file.extends if file else ()) if each not in seen]
            pending += above
            seen.update(above)

    def _whole(self) -> Project:
        """With what cannot be read as empty: others may be promoted from it, nothing else counts."""
        empty = {name: EnvironmentFile(name, _path(name)) for name in self.errors}
        return replace(self.project, files={**self.project.files, **empty}) if empty else self.project


class Reader:
    """Reads trees of one repository; a file that several have is parsed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], EnvironmentFile] = {}

    def read(self, tree: Tree) -> Readable:
        """As `read`."""
        return read(tree, self._file)

    def _file(self, tree: Tree, path: str) -> EnvironmentFile:
        key = (path, tree.fingerprint(path))
        if key not in self._known:
            self._known[key] = _parsed(tree, path)
        return self._known[key]


def _path(name: str) -> str:
    return f"environments/{name}/environment.yaml"


def _parsed(tree: Tree, path: str) -> EnvironmentFile:
    return parse_environment(tree.read(path), path)


def read(tree: Tree, parse: Parse = _parsed) -> Readable:
    """Settings and environments of a tree. Raises InputError for bad settings, and for no environment."""
    files: dict[str, EnvironmentFile] = {}
    errors: dict[str, EnvctlError] = {}
    for entry in tree.list("environments"):
        path = _path(entry.name)
        try:
            if may_be_environment(entry) and has_file(tree, path):
                files[entry.name] = parse(tree, path)
        except InputError as error:
            errors[entry.name] = error
    if not files and not errors:
        load_project(tree)  # says what is missing
    return Readable(Project(tree, load_settings(tree), files), errors)
