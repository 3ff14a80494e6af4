"""Revisions as people write them, to commit ids; and walks over history."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from dulwich.repo import Repo

from envctl.errors import InputError
from envctl.gitstore.ancestry import Ancestry
from envctl.gitstore.commitgraph import CommitGraph
from envctl.gitstore.failures import translated
from envctl.gitstore.names import shown
from envctl.gitstore.objects import COMMIT, ID_LENGTH, TAG, Objects, is_id
from envctl.gitstore.refs import list_refs, read_ref
from envctl.model.git import Commit

_STEP = re.compile(r"(\^\{(?:commit)?\}|\^\d*|~\d*)")
_GRAMMAR = re.compile(r"(?P<base>[^~^:@{}\s]+|@)(?P<steps>(?:\^\{(?:commit)?\}|\^\d*|~\d*)*)")
_SHORT = re.compile(r"[0-9a-fA-F]{4,40}")
_SEARCHED = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_PSEUDO = re.compile(r"[A-Z_]+")
_LISTED = 5


class Revisions:
    """Resolves revisions of one repository and walks its history."""

    def __init__(self, repo: Repo, objects: Objects) -> None:
        self._repo = repo
        self._objects = objects
        self._ancestry = Ancestry(objects, lambda: self._graph)

    def resolve(self, revision: str) -> str:
        """The commit of a branch, tag, HEAD, id or short id, each with ``~2`` or ``^`` behind or not.

        Raises InputError, with what was meant where that can be guessed.
        """
        match = _GRAMMAR.fullmatch(revision)
        if match is None:
            raise InputError(
                f"{shown(revision)!r} is no revision that envctl reads",
                hint="name a branch, a tag, HEAD or a commit id; ~2 and ^ may follow",
            )
        commit = self._peeled(self._named(match["base"]), revision)
        for step in _STEP.findall(match["steps"]):
            commit = self._stepped(commit, step, revision)
        return commit

    def _named(self, base: str) -> str:
        if is_id(base.lower()):
            return base.lower()
        name = "HEAD" if base == "@" else base
        if name.startswith("refs/") or _PSEUDO.fullmatch(name):
            found = read_ref(self._repo, name)
            if found:
                return found
        for pattern in _SEARCHED[1:]:
            found = read_ref(self._repo, pattern.format(name))
            if found:
                return found
        return self._by_short_id(name) if _SHORT.fullmatch(name) else self._unknown(name)

    def _by_short_id(self, short: str) -> str:
        prefix = short.lower().encode()
        with self._objects.lock, translated("look up a short id"):
            found = {each.decode() for each in self._repo.object_store.iter_prefix(prefix)}
        objects = sorted(each for each in found if is_id(each))
        commits = [each for each in objects if self._kind(each) in {COMMIT, TAG}] or objects
        if not commits:
            self._unknown(short)
        if len(commits) > 1:
            listed = ", ".join(each[: len(short) + 8] for each in commits[:_LISTED])
            more = f" and {len(commits) - _LISTED} more" if len(commits) > _LISTED else ""
            raise InputError(
                f"the short id {short} is ambiguous: {len(commits)} objects start with it",
                hint=f"write more digits: {listed}{more}",
            )
        return commits[0]

    def _kind(self, object_id: str) -> int:
        found = self._objects.find(object_id)
        return found[0] if found else 0

    def _unknown(self, name: str) -> str:
        if name == "HEAD":
            raise InputError("HEAD points to no commit yet", hint="make the first commit")
        known = [each.split("/", 2)[2] for each in list_refs(self._repo, "refs/") if each.count("/") > 1]
        close = get_close_matches(name, known, n=3)
        hint = (
            f"did you mean {', '.join(map(shown, close))}?" if close else "git branch -a lists the branches"
        )
        raise InputError(f"there is no branch, tag or commit {shown(name)!r}", hint=hint)

    def _peeled(self, object_id: str, revision: str) -> str:
        """The commit behind an id, through annotated tags."""
        for _ in range(100):
            found = self._objects.find(object_id)
            if found is None:
                raise InputError(
                    f"{shown(revision)!r} names the object {object_id}, which is not in this repository",
                    hint="fetch it first; a shallow clone lacks old commits: git fetch --unshallow",
                )
            if found[0] == COMMIT:
                return object_id
            if found[0] != TAG:
                break
            object_id = _tagged(found[1])
        raise InputError(f"{shown(revision)!r} names an object that is no commit")

    def _stepped(self, commit: str, step: str, revision: str) -> str:
        if step.startswith("^{"):
            return commit
        count = int(step[1:] or 1)
        if step.startswith("^"):
            return self._parent(commit, count, revision) if count else commit
        for _ in range(count):
            commit = self._parent(commit, 1, revision)
        return commit

    def _parent(self, commit: str, number: int, revision: str) -> str:
        parents, _ = self._objects.parents(commit)
        if number > len(parents):
            raise InputError(f"{shown(revision)!r} goes too far back: {commit[:12]} has no such parent")
        return parents[number - 1]

    def history(self, start: str, stop: frozenset[str]) -> Iterator[Commit]:
        """First-parent history, newest first. Raises InputError where a shallow clone ends it."""
        at: str | None = start
        while at is not None and at not in stop:
            commit = self._objects.commit(at)
            yield commit
            at = commit.parents[0] if commit.parents else None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or can be reached from it. InputError where history is missing."""
        return self._ancestry.is_ancestor(older, newer)

    def since(self, old: str, new: str) -> Iterator[Commit]:
        """What can be reached from `new` and not from `old`, newest first.

        Raises InputError where history is missing.
        """
        return map(self._objects.commit, self._ancestry.since(old, new))

    @cached_property
    def _graph(self) -> CommitGraph | None:
        """Git's commit-graph files. Like Git, none in a shallow clone: they may tell of what is not here."""
        return None if self._repo.get_shallow() else CommitGraph(Path(self._repo.commondir(), "objects"))


def _tagged(raw: bytes) -> str:
    """The id that an annotated tag points to, "" where it does not say."""
    first = raw.partition(b"\n")[0]
    return first.removeprefix(b"object ").decode("ascii", "replace")[:ID_LENGTH]
