"""A deploy branch that is as it should be, and plain Git in hands that should not have it."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from textwrap import dedent

from tests.functional.conftest import Workspace
from tests.functional.failing import state

MALLORY = "Mallory <mallory@example.com> 2026-02-03T04:05:06+01:00"
DEV = "refs/heads/deploy/dev"
FILE = "web/dev/ConfigMap_web.yaml"
_GONE = f"0 {'0' * 40}"
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

Change = Callable[[str], str]


def git(workspace: Workspace, *arguments: str, text: str = "", **environment: str) -> str:
    """Git with an input and an environment of its own."""
    done = subprocess.run(
        ["git", "-C", str(workspace.path), *arguments],
        input=text.encode(),
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def _person(role: str, text: str) -> Mapping[str, str]:
    match = re.fullmatch(r"(.*) <(.*)> (.*)", text)
    assert match
    return {
        f"GIT_{role}_{key}": value
        for key, value in zip(("NAME", "EMAIL", "DATE"), match.groups(), strict=True)
    }


def message_of(workspace: Workspace, commit: str) -> str:
    """A commit's message, whole."""
    raw = git(workspace, "cat-file", "commit", commit)
    return raw.partition("\n\n")[2] + "\n"


def tree_with(workspace: Workspace, base: str, entries: Mapping[str, str]) -> str:
    """The tree of a commit with other entries: path → ``<mode> <blob>``, "" to leave it out."""
    index = {"GIT_INDEX_FILE": str(workspace.path / ".git" / "index-of-mallory")}
    git(workspace, "read-tree", base, **index)
    lines = [f"{entry or _GONE}\t{path}\n" for path, entry in entries.items()]
    git(workspace, "update-index", "--index-info", text="".join(lines), **index)
    return git(workspace, "write-tree", **index)


def blob(workspace: Workspace, text: str) -> str:
    """The id of a new blob."""
    return git(workspace, "hash-object", "-w", "--stdin", text=text)


def remade(
    workspace: Workspace,
    commit: str = "good",
    *,
    message: Change = lambda text: text,
    tree: str = "",
    parents: tuple[str, ...] | None = None,
    author: str = "",
    committer: str = "",
) -> str:
    """A copy of a commit in which only what is named is another."""
    form = "--format=%an <%ae> %aI%n%cn <%ce> %cI%n%P"
    was = (git(workspace, "log", "-1", form, commit) + "\n\n\n").split("\n")
    people = {**_person("AUTHOR", author or was[0]), **_person("COMMITTER", committer or was[1])}
    above = was[2].split() if parents is None else parents
    flags = [word for parent in above for word in ("-p", parent)]
    return git(
        workspace,
        "commit-tree",
        tree or f"{commit}^{{tree}}",
        *flags,
        text=message(message_of(workspace, commit)),
        **people,
    )


def put(workspace: Workspace, commit: str, name: str = DEV) -> None:
    """Move a branch there, whatever it was."""
    workspace.git("update-ref", name, commit)


def sequence(old: int, new: int) -> Change:
    """The message with another sequence."""
    return lambda text: text.replace(f"Envctl-Sequence: {old}\n", f"Envctl-Sequence: {new}\n")


def swapped(old: str, new: str) -> Change:
    """The message with another text, which must be there."""

    def change(text: str) -> str:
        assert old in text, text
        return text.replace(old, new)

    return change


def told(workspace: Workspace, text: str) -> str:
    """An expected text with each ``{revision}`` as a short commit id, ``{path}`` as it is."""
    filled = dedent(text).lstrip("\n").replace("{path}", str(workspace.path))
    filled = re.sub(r"\{full ([^{}]+)\}", lambda match: workspace.git("rev-parse", match[1]), filled)
    return re.sub(r"\{([^{}]+)\}", lambda match: workspace.git("rev-parse", match[1])[:12], filled)


def says(workspace: Workspace, command: str, out: str, code: int = 16, err: str = "") -> None:
    """See that a command says exactly this, and that it moved nothing."""
    before = state(workspace)
    outcome = workspace.envctl(*command.split())
    found = (outcome.code, outcome.out, outcome.err)
    assert found == (code, told(workspace, out), told(workspace, err))
    assert state(workspace) == before
