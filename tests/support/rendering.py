"""Renders of a repository on disk as data, and an engine that tells what it was asked for."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from envctl import wiring
from envctl.errors import EnvctlError
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.model.evaluation import Evaluation
from envctl.ports import EvaluationTask, Evaluator, SchemaChecker
from envctl.rendercache.files import FileCache
from envctl.schemacheck.checker import ProcessSchemaChecker
from envctl.workflows.rendering.render import render_project
from envctl.workflows.sources.project import load_project
from envctl.workflows.sources.source import Source


@dataclass
class Counting(Evaluator):
    """An engine that tells what it was asked for."""

    engine: Evaluator
    asked: list[str] = field(default_factory=list)
    name: str = ""

    @property
    def version(self) -> str:
        return self.name or self.engine.version

    @property
    def schemas(self) -> SchemaChecker:
        return self.engine.schemas

    def evaluate(self, tasks: Sequence[EvaluationTask]) -> tuple[Evaluation, ...]:
        self.asked += [task.key for task in tasks]
        return self.engine.evaluate(tasks)

    def stream(self, tasks: Sequence[EvaluationTask]) -> Iterator[tuple[int, Evaluation]]:
        self.asked += [task.key for task in tasks]
        return self.engine.stream(tasks)


@contextmanager
def counting_engine() -> Iterator[Counting]:
    """The default engine with a checker of schemas, as the command line has them."""
    with (
        closing(ProcessSchemaChecker()) as checker,
        JsonnetEvaluator(workers=1, schemas=checker) as real,
    ):
        yield Counting(real)


@dataclass(frozen=True)
class Place:
    """A repository, a cache beside it, and two old commits to pin."""

    root: Path
    cache: Path
    pins: tuple[str, ...]

    def write(self, path: str, text: str) -> None:
        self.remove(path)
        if (self.root / path).parent.is_symlink():
            (self.root / path).parent.unlink()
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def remove(self, path: str) -> None:
        found = self.root / path
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        elif found.is_symlink() or found.exists():
            found.unlink()

    def link(self, path: str) -> None:
        self.remove(path)
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).symlink_to("elsewhere")

    def rename(self, path: str, other: str) -> None:
        if (self.root / path).is_file() and not (self.root / path).is_symlink():
            text = (self.root / path).read_text()
            self.remove(path)
            self.write(other, text)

    def pin(self, first: int, second: int) -> None:
        lines = [f"  {name}:\n    revision: {self.pins[at]}\n" for name, at in (("a", first), ("b", second))]
        self.write("environments/prod/lock.yaml", "components:\n" + "\n".join(lines))

    def render(
        self, engine: Evaluator, cache: FileCache | None, wanted: Sequence[str] = ("dev", "prod")
    ) -> object:
        """All there is to know of a render, as data."""
        repository = wiring.open_repository(self.root)
        source = Source(repository.work_tree())
        try:
            project = load_project(source.tree)
            names = [name for name in wanted if name in project.environments]
            done = render_project(repository, engine, source, project, names, cache)
        except EnvctlError as error:
            return told(error)
        return [
            (
                each.environment,
                each.tree,
                each.namespace,
                dict(each.pins),
                each.components,
                each.count,
                dict(each.blobs),
                dict(each.files),
                each.objects,
                [told(error) for error in each.errors],
            )
            for each in done
        ]

    def files(self) -> FileCache:
        return FileCache(self.cache)

    def good(self, engine: Evaluator, wanted: Sequence[str] = ("dev", "prod")) -> object:
        """A render without a cache that has no error."""
        found = self.render(engine, None, wanted)
        assert isinstance(found, list)
        assert [each[-1] for each in found] == [[] for _ in wanted]
        return found


def told(error: EnvctlError) -> tuple[object, ...]:
    return (type(error).__name__, error.summary, error.place, error.hint, error.problems)


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    done = subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)
    return done.stdout.decode().strip()


def copied(template: Place, folder: Path) -> Place:
    shutil.copytree(template.root, folder / "repository", symlinks=True)
    return Place(folder / "repository", folder / "cache", template.pins)
