"""A generated repository with a long history: thousands of deploy commits, each of thousands of objects.

    python benchmarks/history.py FOLDER [--deploys 10000] [--components 100] [--objects 50]

The first commits are envctl's own: the source, rendered, published to dev, and promoted to
staging and prod. The rest is written by `git fast-import`, as envctl would have made it: a change of
ten components on main, published to dev; then each of the ten promoted to staging, and after that to
prod, one commit on main and one deploy commit each. The last state renders to the last deploy
commits, so `envctl verify` finds them clean. Equal options make equal commit ids.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from timing import ENVCTL, ROOT, git

from envctl.delivery.deploy import PROMOTED_FROM, DeployRecord, deploy_draft
from envctl.delivery.promotion import PinMove, promotion_message
from envctl.delivery.trailers import Trailer
from envctl.model.git import Commit, Signature

# Where what takes long to make is kept from one run to the next.
SCRATCH = Path(tempfile.gettempdir(), "envctl-benchmarks")
ENVIRONMENTS = ("dev", "staging", "prod")
TOGETHER = 10  # components that change in one commit
START = 1_767_225_600  # 2026-01-01 in UTC
FIRST = "app000"
STEP = 60  # seconds between commits
WHO = ("Ann", "ann@example.com")
COMPONENT = """
local release = importstr 'release';
{
  config:: { name: '%(name)s', domain: 'example.com', note: 'none' },
  local c = $.config,
  maps: [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: '%%s-%%03d' %% [c.name, i], labels: { 'app.kubernetes.io/name': c.name } },
      data: { host: c.name + '.' + c.domain, shard: '%%d' %% i, text: std.repeat('listen :8080; ', 20) }
        + (if i == 0 then { note: c.note, release: release } else {}),
    }
    for i in std.range(0, %(last)d)
  ],
}
"""


@dataclass(frozen=True)
class Size:
    """How much to generate. `deploys` is the number of deploy commits of staging, and of prod."""

    deploys: int
    components: int = 100
    objects: int = 50

    @property
    def names(self) -> list[str]:
        return [f"app{number:03}" for number in range(self.components)]


def release(number: int) -> str:
    return f"v{number:06}"


def sources(size: Size) -> Iterator[tuple[str, str]]:
    """The files of the first commit."""
    yield "envctl.yaml", "sourceBranch: main\n"
    for name in size.names:
        yield f"components/{name}/main.jsonnet", COMPONENT % {"name": name, "last": size.objects - 1}
        yield f"components/{name}/release", release(0)
    listed = "".join(f"- {name}\n" for name in size.names)
    for name, before in zip(ENVIRONMENTS, ("", *ENVIRONMENTS), strict=False):
        origin = f"promotesFrom: [{before}]\n" if before else ""
        text = f"namespace: {name}\n{origin}config: {{domain: {name}.example.com}}\ncomponents:\n{listed}"
        yield f"environments/{name}/environment.yaml", text


def begin(root: Path, size: Size) -> None:
    """The first commits, by envctl itself."""
    for path, text in sources(size):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git(root, "init", "-q", "-b", "main")
    for key, value in {"user.name": WHO[0], "user.email": WHO[1], "gc.auto": "0"}.items():
        git(root, "config", key, value)
    settings = {
        **{f"GIT_{who}_DATE": f"{START} +0000" for who in ("AUTHOR", "COMMITTER")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PYTHONPATH": str(ROOT),
    }
    for command in (
        ("git", "add", "."),
        ("git", "commit", "-qm", "Begin"),
        (*ENVCTL, "render", "dev", "--publish"),
        (*ENVCTL, "promote", "dev", "staging"),
        (*ENVCTL, "promote", "staging", "prod"),
    ):
        subprocess.run(command, cwd=root, env={**os.environ, **settings}, check=True, capture_output=True)


class Importer:
    """`git fast-import` on a repository. Every commit's id is asked for, because the next ones name it."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            ["git", "-C", str(root), "fast-import", "--quiet", "--force"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("git fast-import has no pipes")
        self._input, self._output = self._process.stdin, self._process.stdout
        self._marks = 0
        self._begun: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()
        if self._process.wait() and kind is None:
            raise SystemExit("git fast-import failed")

    def commit(self, ref: str, parent: str, message: str, when: int, files: Mapping[str, str]) -> str:
        """Write a commit on a branch, whose tip is `parent` at first, with some files changed: its id."""
        self._marks += 1
        by = f"{WHO[0]} <{WHO[1]}> {when} +0000"
        text = (
            f"commit {ref}\nmark :{self._marks}\nauthor {by}\ncommitter {by}\n"
            f"data {len(message)}\n{message}\n" + ("" if ref in self._begun else f"from {parent}\n")
        )
        self._begun.add(ref)
        changes = "".join(
            f"M 100644 inline {path}\ndata {len(each)}\n{each}\n" for path, each in files.items()
        )
        return self._said(f"{text}{changes}\nget-mark :{self._marks}\n".encode())

    def _said(self, text: bytes) -> str:
        self._input.write(text)
        self._input.flush()
        return self._output.readline().decode().strip()


@dataclass
class Writer:
    """Writes what comes after the first commits, and knows the state that it has written so far."""

    root: Path
    into: Importer
    renderer: str
    time: int = START
    heads: dict[str, str] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    pins: dict[tuple[str, str], str] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENVIRONMENTS, 1))

    def start(self, size: Size) -> None:
        for name in ("main", *ENVIRONMENTS):
            ref = name if name == "main" else f"deploy/{name}"
            self.heads[name] = told(self.root, "rev-parse", ref)
        for environment in ENVIRONMENTS:
            path = _first_map(environment, size.names[0])
            self.texts[environment] = told(self.root, "show", f"deploy/{environment}:{path}") + "\n"
            self.pins |= {(environment, name): self.heads["main"] for name in size.names}
        for environment in ENVIRONMENTS[1:]:
            self.locks[environment] = told(self.root, "show", f"main:{_lock(environment)}") + "\n"
            first = told(self.root, "log", "--format=%H", "--reverse", "main").split()[0]
            self.pins |= {(environment, name): first for name in size.names}

    def change(self, names: Sequence[str], number: int) -> str:
        """Change components on main, and publish that to dev: the commit on main."""
        files = {f"components/{name}/release": release(number) for name in names}
        source = self._commit("main", f"Release {release(number)}\n", files)
        self._publish("dev", names, number, source)
        return source.id

    def promote(self, origin: str, target: str, name: str, new: str, number: int) -> None:
        """Promote one component, and publish it."""
        old = self.pins[target, name]
        self.pins[target, name] = new
        block = f"  {name}:\n    revision: "
        self.locks[target] = self.locks[target].replace(block + old, block + new)
        move = PinMove(name, old, new, (f"{new[:12]} Release {release(number)}",))
        message = promotion_message(origin, target, self.heads[origin], (move,))
        source = self._commit("main", message, {_lock(target): self.locks[target]})
        promoted = (PROMOTED_FROM, f"{origin}@{self.heads[origin]}")
        self._publish(target, (name,), number, source, (promoted,))

    def _publish(
        self,
        environment: str,
        names: Sequence[str],
        number: int,
        source: Commit,
        handed_on: tuple[Trailer, ...] = (),
    ) -> None:
        self.sequences[environment] += 1
        record = DeployRecord(
            environment,
            self.sequences[environment],
            source.id,
            tuple(sorted(names)),
            self.renderer,
            handed_on,
        )
        message = deploy_draft(record, "", None, source).message
        text = self.texts[environment].replace(release(0), release(number))
        files = {_first_map(environment, name): text.replace(FIRST, name) for name in names}
        self._commit(environment, message, files)

    def _commit(self, head: str, message: str, files: Mapping[str, str]) -> Commit:
        if head == "main":
            self.time += STEP
        ref = "refs/heads/main" if head == "main" else f"refs/heads/deploy/{head}"
        self.heads[head] = self.into.commit(ref, self.heads[head], message, self.time, files)
        by = Signature(*WHO, self.time, 0)
        return Commit(self.heads[head], "", (), by, by, message)


def _first_map(environment: str, name: str) -> str:
    """The one object that a release changes."""
    return f"{name}/{environment}/ConfigMap_{name}-000.yaml"


def _lock(environment: str) -> str:
    return f"environments/{environment}/lock.yaml"


def told(root: Path, *arguments: str) -> str:
    """What a git command says."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.removesuffix("\n")


def generate(root: Path, size: Size) -> None:
    """The whole repository, packed as `git gc` does it, with ten components that prod does not have yet."""
    begin(root, size)
    format_ = "--format=%(trailers:key=Envctl-Renderer,valueonly,separator=)"
    with Importer(root) as into:
        writer = Writer(root, into, told(root, "log", "-1", format_, "deploy/dev"))
        writer.start(size)
        rounds = -(-(size.deploys - 1) // TOGETHER)
        for number in range(1, rounds + 2):
            first = number * TOGETHER % size.components
            names = size.names[first : first + TOGETHER]
            new = writer.change(names, number)
            for name in names:
                writer.promote("dev", "staging", name, new, number)
            for name in names if number <= rounds else ():
                writer.promote("staging", "prod", name, new, number)
    git(root, "reset", "-q", "--hard", "main")
    git(root, "-c", "gc.writeCommitGraph=false", "gc", "-q")


def repository(scratch: Path, size: Size) -> Path:
    """The repository of a size, kept in a scratch folder from one run to the next."""
    kept = scratch / f"history-{size.deploys}-{size.components}-{size.objects}"
    if not kept.exists():
        making = kept.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        generate(making, size)
        making.rename(kept)
    return kept


def copy(kept: Path, to: Path) -> Path:
    """A copy to work in; its index says that no file has to be read again, and its renders are remembered."""
    shutil.copytree(kept, to, symlinks=True)
    time.sleep(0.05)
    git(to, "update-index", "-q", "--refresh")
    return to


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--deploys", type=int, default=10_000)
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--objects", type=int, default=50)
    options = parser.parse_args()
    started = time.perf_counter()
    size = Size(options.deploys, options.components, options.objects)
    print(repository(options.folder, size), f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
