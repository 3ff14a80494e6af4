"""The Git repository behind the port: opened once, read by id, moved by compare-and-swap."""

import os
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dulwich.errors import NotGitRepository
from dulwich.repo import Repo

from envctl.errors import InputError
from envctl.gitstore.changed import changed_paths
from envctl.gitstore.changes import changes
from envctl.gitstore.checkout import Checkout
from envctl.gitstore.configuration import git_config
from envctl.gitstore.failures import translated
from envctl.gitstore.frozen import FrozenWorkTree
from envctl.gitstore.hooks import Hooks
from envctl.gitstore.index import Index, IndexTree, read_index
from envctl.gitstore.loose import MAX_LOOSE
from envctl.gitstore.normal import Normalizer
from envctl.gitstore.objects import BLOB, Objects
from envctl.gitstore.ownership import require_own
from envctl.gitstore.refs import head, list_refs, move_ref, read_ref
from envctl.gitstore.revisions import Revisions
from envctl.gitstore.signature import Signatures
from envctl.gitstore.signing import find_signer
from envctl.gitstore.trees import CommitTree, find_item
from envctl.gitstore.worktree import WorkTree
from envctl.gitstore.writing import TreeWriter, write_commit
from envctl.model.git import Commit, CommitDraft, RefUpdate, Signature, TreeChange
from envctl.ports import Clock, Repository, Tree

if TYPE_CHECKING:
    from envctl.gitstore.remotes import Remotes
    from envctl.model.access import Access

_SHORT = 12
_SECONDS = 30.0
"""For one operation on a remote that is opened by credentials of its own."""
# What `init_bare` makes before the config.
_PARTS = {"HEAD", "branches", "config", "description", "hooks", "info", "objects", "refs"}


class GitRepository(Repository):
    """A repository on disk, through dulwich. Reading objects is safe from many threads."""

    def __init__(
        self, repo: Repo, clock: Clock, reader: type[Objects] = Objects, access: "Access | None" = None
    ) -> None:
        self._repo = repo
        self._access = access
        self._clock = clock
        repo.object_store.fsync_object_files = True  # a ref must never name what a crash took away
        repo.object_store.loose_object_size_limit = MAX_LOOSE
        self._objects = reader(repo.object_store)
        weakref.finalize(self._objects, _close, repo)  # trees may outlive this object, never their objects
        self._revisions = Revisions(repo, self._objects)

    @property
    def common_folder(self) -> Path:
        """Git's own folder, the one that all linked work trees share."""
        return Path(self._repo.commondir())

    @property
    def is_bare(self) -> bool:
        return self._repo.bare

    def resolve(self, revision: str) -> str:
        return self._revisions.resolve(revision)

    def ref(self, name: str) -> str | None:
        return read_ref(self._repo, name)

    def refs(self, prefix: str) -> Mapping[str, str]:
        return list_refs(self._repo, prefix)

    def head(self) -> tuple[str | None, str | None]:
        return head(self._repo)

    def commit(self, commit_id: str) -> Commit:
        return self._objects.commit(commit_id)

    def history(self, start: str, *, stop: frozenset[str] = frozenset()) -> Iterator[Commit]:
        return self._revisions.history(start, stop)

    def since(self, old: str, new: str) -> Iterator[Commit]:
        return self._revisions.since(old, new)

    def is_ancestor(self, older: str, newer: str) -> bool:
        return self._revisions.is_ancestor(older, newer)

    def tree(self, commit_id: str) -> Tree:
        return CommitTree(self._objects, self.commit(commit_id).tree, commit_id[:_SHORT])

    def index(self) -> Tree:
        self._require_work_tree("index")
        return IndexTree(self._objects, self._read_index())

    def work_tree(self) -> Tree:
        self._require_work_tree("work tree")
        index = self._read_index()
        work = WorkTree(self._repo, self._objects, index)
        return FrozenWorkTree(work, self._objects, index, Path(self._repo.path))

    def changes(self, old: str | None, new: str | None) -> tuple[TreeChange, ...]:
        return changes(self._objects, old, new)

    def blob(self, blob_id: str) -> bytes:
        return self._objects.raw(blob_id, BLOB)

    def write_tree(self, files: Mapping[str, bytes | str], *, base: str | None = None) -> str:
        return TreeWriter(self._objects).write(files, base)

    def write_commit(self, draft: CommitDraft) -> str:
        config = git_config(self._repo)
        signer = find_signer(config, Signatures(config, os.environ, self._clock).who())
        if signer is not None:
            require_own(self._repo, "a program that signs")
        return write_commit(self._objects, draft, signer.sign if signer else None)

    def checked_message(self, message: str) -> str:
        return Hooks(self._repo).commit_message(message)

    def move_ref(self, update: RefUpdate, reason: str) -> None:
        move_ref(self._repo, self._objects, update, reason.encode(), self._signatures.logger())

    def signature(self) -> tuple[Signature, Signature]:
        return self._signatures.author(), self._signatures.committer()

    def changed_paths(self) -> tuple[str, ...]:
        if self.is_bare:
            return ()
        index = self._read_index()
        commit = self.head()[1]
        tree = self.commit(commit).tree if commit else None
        work = WorkTree(self._repo, self._objects, index)
        return changed_paths(self._objects, tree, index, work, Path(self._repo.path))

    def refresh(self, path: str, old: str | None) -> bool:
        self._require_work_tree("work tree")
        commit = self.head()[1]
        new = find_item(self._objects, self.commit(commit).tree, path) if commit else None
        checkout = Checkout(self._objects, Normalizer(self._repo), self._index_path, Path(self._repo.path))
        return checkout.refresh(path, old, new)

    def remote_refs(self, remote: str, names: Sequence[str]) -> Mapping[str, str | None]:
        return self._remotes.look_up(remote, names)

    def remote_names(self, remote: str, prefix: str) -> tuple[str, ...]:
        return self._remotes.names(remote, prefix)

    def keep(self, revisions: Sequence[str]) -> None:
        """Everything is kept anyway."""

    def fetch(self, remote: str, refs: Sequence[str]) -> Mapping[str, str | None]:
        return self._remotes.fetch(remote, refs)

    def push(self, remote: str, updates: Sequence[RefUpdate]) -> None:
        self._remotes.push(remote, updates, self._signatures.logger())

    @property
    def _remotes(self) -> "Remotes":
        # The clients of all protocols take longer to import than the rest of the adapter.
        from envctl.gitstore.remotes import Remotes  # noqa: PLC0415

        return Remotes(self._repo, self._objects, self._revisions, access=self._access, seconds=_SECONDS)

    @property
    def _signatures(self) -> Signatures:
        return Signatures(git_config(self._repo), os.environ, self._clock)

    def _read_index(self) -> Index:
        return read_index(self._index_path)

    @cached_property
    def _index_path(self) -> Path:
        """The index file; in a hook of ``git commit -a``, the one that Git names."""
        named = os.environ.get("GIT_INDEX_FILE", "")
        control = Path(self._repo.controldir()).resolve()
        if named and Path(self._repo.path, named).resolve().parent == control:
            return Path(self._repo.path, named)
        return Path(self._repo.index_path())

    def _require_work_tree(self, what: str) -> None:
        if self.is_bare:
            raise InputError(
                f"a bare repository has no {what}",
                place=self._repo.path,
                hint="name a revision, like --rev HEAD",
            )


def _close(repo: Repo) -> None:
    with suppress(BufferError):  # an error that somebody still holds shows a piece of a mapped pack
        repo.close()


def open_repository(path: Path, *, clock: Clock) -> GitRepository:
    """The repository that a directory lies in, found upward like ``git -C`` does.

    Raises InputError where there is none, or where its format is not one that envctl reads.
    """
    if not path.is_dir():
        raise InputError("there is no such directory", place=str(path))
    ceilings = [each for each in os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep) if each]
    try:
        with translated("open the repository", place=str(path)):
            repo = Repo.discover(path, ceiling_dirs=ceilings)
    except NotGitRepository as error:
        raise InputError(
            "there is no Git repository here, nor in a directory above",
            place=str(path),
            hint="go into one, name it with -C, or make one: git init",
        ) from error
    return _opened(repo, path, clock)


def _opened(repo: Repo, path: Path, clock: Clock, access: "Access | None" = None) -> GitRepository:
    if repo.object_format.name != "sha1":
        repo.close()
        raise InputError(
            f"the repository uses {repo.object_format.name} object ids; envctl reads SHA-1 ones",
            place=str(path),
        )
    return GitRepository(repo, clock, access=access)


def init_repository(path: Path, *, clock: Clock, branch: str = "main") -> GitRepository:
    """A new repository with a work tree. Raises InputError where there is one already."""
    if (path / ".git").exists():
        raise InputError("there is a Git repository already", place=str(path))
    with translated("make a repository", place=str(path)):
        path.mkdir(parents=True, exist_ok=True)
        return GitRepository(Repo.init(path, default_branch=branch.encode()), clock)


def open_store(path: Path, *, clock: Clock, access: "Access | None" = None) -> GitRepository:
    """A bare repository at exactly this path, made where there is none. Raises InputError for another.

    With `access`, remotes are opened by that alone, not by Git's own credentials.
    """
    with translated("open the store", place=str(path)):
        path.mkdir(parents=True, exist_ok=True)
        if _clear_unmade(path):
            return GitRepository(Repo.init_bare(path), clock, access=access)
        try:
            store = _opened(Repo(path), path, clock, access)
        except NotGitRepository as error:
            raise InputError("the directory holds no bare repository", place=str(path)) from error
    if not store.is_bare:
        raise InputError("the directory holds no bare repository", place=str(path))
    return store


def _clear_unmade(path: Path) -> bool:
    """Whether a bare repository may be made here: nothing is there, or only what a killed try left, now gone.

    The config comes last and in one step, so a folder without one that holds no object never was
    a repository.
    """
    found = list(path.iterdir())
    ours = all(each.name.removesuffix(".lock") in _PARTS for each in found) and not (path / "config").exists()
    if not ours or any(each.is_file() for part in ("objects", "refs") for each in (path / part).rglob("*")):
        return False
    for each in found:
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    return True
