"""Repositories made by the real git program, and the adapter under test opened on them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from envctl.gitstore.repository import GitRepository, open_repository
from envctl.model.git import CommitDraft, Signature

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANN = Signature("Ann", "ann@example.com", 1767323045, 0)
CLEAN = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": ANN.name,
    "GIT_AUTHOR_EMAIL": ANN.email,
    "GIT_AUTHOR_DATE": "1767323045 +0000",
    "GIT_COMMITTER_NAME": ANN.name,
    "GIT_COMMITTER_EMAIL": ANN.email,
    "GIT_COMMITTER_DATE": "1767323045 +0000",
}


class FixedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return WHEN

    def monotonic(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Box:
    """A folder with a repository, and two hands on it: the git program and the adapter."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=lambda: CLEAN)

    def git(self, *arguments: str, stdin: str | bytes = b"", check: bool = True) -> str:
        """Run git in the folder; its output without the last newline."""
        return self.raw(*arguments, stdin=stdin, check=check).decode("utf-8", "surrogateescape").rstrip("\n")

    def raw(self, *arguments: str, stdin: str | bytes = b"", check: bool = True) -> bytes:
        """Run git in the folder; its output as bytes."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env=self.environment,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout

    def write(self, path: str, data: str | bytes) -> Path:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def commit(self, files: Mapping[str, str | bytes], message: str = "change") -> str:
        """Write files, commit everything in the folder, return the commit id."""
        for path, data in files.items():
            self.write(path, data)
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def object(self, kind: str, data: bytes) -> str:
        """Store an object exactly as given, however hostile it is."""
        return self.git("hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=data)

    def open(self) -> GitRepository:
        return open_repository(self.path, clock=FixedClock())

    def clone(self, path: Path, *options: str) -> "Box":
        subprocess.run(
            ["git", "clone", "-q", *options, f"file://{self.path}", str(path)], check=True, env=CLEAN
        )
        return Box(path)


def new_box(path: Path, *options: str) -> Box:
    """A fresh repository on branch main."""
    path.mkdir(parents=True, exist_ok=True)
    box = Box(path)
    box.git("init", "-q", "-b", "main", *options)
    box.git("config", "user.name", ANN.name)
    box.git("config", "user.email", ANN.email)
    return box


def tree_bytes(*entries: tuple[str, bytes, str]) -> bytes:
    """A tree object's bytes: (mode, name, id) in the given order, honest or not."""
    return b"".join(b"%s %s\0%s" % (mode.encode(), name, bytes.fromhex(each)) for mode, name, each in entries)


def draft(tree: str, *parents: str, message: str = "change\n") -> CommitDraft:
    """A commit by Ann."""
    return CommitDraft(tree, tuple(parents), ANN, ANN, message)


_TOOL = (
    '{"version": 1, "dependencies": [{"source": {"git": {"remote": "https://github.com/org/tool.git",'
    ' "subdir": "one"}}, "version": "main", "sum": ""}], "legacyImports": true}\n'
)
_MAP = "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME }, data: DATA }"
RICH = {
    ".gitattributes": "* text=auto\n",
    "envctl.yaml": "{}\n",
    "jsonnetfile.lock.json": _TOOL,
    "vendor/github.com/org/tool/one/t.libsonnet": "{ tool: import 'deep.libsonnet' }\n",
    "vendor/github.com/org/tool/one/deep.libsonnet": "1\n",
    "vendor/v.libsonnet": "{ v: 0.1 + 0.2, '\u00e4': 'vendored' }\n",
    "lib/x.libsonnet": "{ x: import 'y.libsonnet' }\n",
    "lib/y.libsonnet": "[3, 1, 2]\n",
    "lib/note.txt": "gr\u00f6\u00dfer\nzweite Zeile\n",
    "lib/data.txt": "a\nb\n",
    "components/a/component.yaml": "dependsOn: [b]\n",
    "components/a/main.jsonnet": "{ config:: { text: 'none', replicas: 1 }, local c = $.config,\n  map: "
    + _MAP.replace("NAME", "'a'").replace(
        "DATA",
        "{ [k]: std.toString(std.get(all, k)) for k in std.objectFields(all) }",
    )
    + ",\n  local all = (import 'x.libsonnet') + (import 'one/t.libsonnet') + (import 'own.libsonnet')"
    " + { config: c, note: importstr 'note.txt' } }\n",
    "components/a/own.libsonnet": "{ own: std.md5(std.toString(importbin 'data.txt')) }\n",
    "components/b/main.jsonnet": "{ config:: {}, map: "
    + _MAP.replace("NAME", "'b'").replace("DATA", "{ v: std.toString(import 'v.libsonnet') }")
    + " }\n",
    "schemas/a.schema.json": '{"properties": {"replicas": {"maximum": 9}}}\n',
    "environments/base/environment.yaml": "abstract: true\nconfig: {text: base}\n",
    "environments/base/a.jsonnet": "{ config+:: { extra: 2 } }\n",
    "environments/dev/environment.yaml": "extends: base\nnamespace: dev\ncomponents: [a, b]\n",
    "environments/dev/a.jsonnet": "{ map+: { data+: import 'more.libsonnet' } }\n",
    "environments/dev/more.libsonnet": "{ more: 'm\u00f6re' }\n",
    "environments/prod/environment.yaml": (
        "extends: base\nnamespace: prod\npromotesFrom: [dev]\ncomponents: [b, a]\nconfig: {replicas: 3}\n"
    ),
    "environments/prod/b.jsonnet": "{ map+: { data+: { overlaid: 'yes' } } }\n",
}
"""A source in which every kind of file that a render reads decides something."""

OLDER = {"lib/y.libsonnet": "[0]\n", "vendor/v.libsonnet": "{ older: true }\n"}
"""What the commit that prod's components are pinned to had instead."""


def rich_box(path: Path, **environment: str) -> Box:
    """A repository of `RICH` as its last commit, with prod pinned to the one before."""
    path.mkdir(parents=True)
    box = Box(path, {**CLEAN, **environment})
    box.git("init", "-q", "-b", "main")
    pinned = box.commit({**RICH, **OLDER}, "Before")
    pins = "".join(f"  {name}:\n    revision: {pinned}\n" for name in ("a", "b"))
    box.commit({**RICH, "environments/prod/lock.yaml": f"components:\n{pins}"}, "Now")
    return box
