"""What the workflows and the agent need of the world, as small as the need.

Adapters on floor 4 fulfil these; `wiring` brings both together. Every method raises only
the classes of `envctl.errors`. Paths are relative, use `/`, and never start or end with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from envctl.errors import Problem
from envctl.model.cluster import Listing, ResourceType, WatchEvent
from envctl.model.evaluation import Evaluation
from envctl.model.git import Commit, CommitDraft, Entry, RefUpdate, Signature, TreeChange
from envctl.model.values import JsonObject, JsonValue

if TYPE_CHECKING:
    # Both are only named here, and take a while to import.
    from concurrent.futures import Future

    from envctl.config.validation import Finding

T = TypeVar("T")

Wait = Callable[[int], None]
"""Waits a little before the next try, after so many that were lost: not as long as others who lost too."""


def at_once(lost: int) -> None:
    """The wait that is none."""


class Tree(Protocol):
    """A virtual tree of source files: a commit's, the index's or the work tree's. Never a checkout."""

    @property
    def label(self) -> str:
        """How messages name this tree: a short commit id, ``index`` or ``work tree``."""
        ...

    def entry(self, path: str) -> Entry | None:
        """The entry at a path, or None. Symlinks are reported, never followed, at any depth."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises InputError where there is none, or where it is no plain file."""
        ...

    def list(self, path: str) -> tuple[Entry, ...]:
        """The entries of a directory, sorted by name; none where there is no such directory."""
        ...

    def fingerprint(self, path: str) -> str:
        """A text that stays the same only while all at and below a path does; "" where nothing is.

        Only fingerprints of one form (of commits, or of index and work tree) can be compared.
        """
        ...


class Repository(Protocol):
    """A Git repository: objects, refs, the index and the work tree (absent in a bare one)."""

    @property
    def is_bare(self) -> bool:
        """Whether there is no work tree and no index."""
        ...

    def resolve(self, revision: str) -> str:
        """The commit id that a revision (branch, tag, HEAD, id, unique short id) names. Raises InputError."""
        ...

    def ref(self, name: str) -> str | None:
        """The id that a full ref name (``refs/heads/main``) points to, or None."""
        ...

    def refs(self, prefix: str) -> Mapping[str, str]:
        """All refs whose full name starts with the prefix, sorted by name."""
        ...

    def head(self) -> tuple[str | None, str | None]:
        """HEAD's ref (full name, None when detached) and its commit id (None before the first)."""
        ...

    def commit(self, commit_id: str) -> Commit:
        """One commit. Raises InputError where the object is absent (shallow clone) or no commit."""
        ...

    def history(self, start: str, *, stop: frozenset[str] = frozenset()) -> Iterator[Commit]:
        """First-parent history from `start` (included), newest first, until a commit in `stop` (excluded)."""
        ...

    def since(self, old: str, new: str) -> Iterator[Commit]:
        """What can be reached from `new` by any parents and not from `old`, newest first.

        Raises InputError where history is missing (a shallow clone).
        """
        ...

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or can be reached from it by any parents."""
        ...

    def tree(self, commit_id: str) -> Tree:
        """The tree of a commit."""
        ...

    def index(self) -> Tree:
        """What would be committed now. Raises InputError in a bare repository."""
        ...

    def work_tree(self) -> Tree:
        """The files on disk that Git does not ignore. Raises InputError in a bare repository."""
        ...

    def changes(self, old: str | None, new: str | None) -> tuple[TreeChange, ...]:
        """What differs between two tree ids, as ``git diff-tree -r`` lists it.

        Equal subtrees are never opened. Raises InputError that names every entry which no honest
        tree holds (``..``, a name twice, …).
        """
        ...

    def blob(self, blob_id: str) -> bytes:
        """The bytes of a blob. Raises InputError where it is absent."""
        ...

    def write_tree(self, files: Mapping[str, bytes | str], *, base: str | None = None) -> str:
        """Write a tree and return its id. Values are contents, or ids of blobs or trees that exist.

        With `base`, starts from that tree; an empty str value then removes the path. Nothing
        is written where all objects exist already. Raises InputError, before anything is written,
        for names and collisions that Git does not allow and for ids of nothing.
        """
        ...

    def write_commit(self, draft: CommitDraft) -> str:
        """Write a commit object and return its id. No ref moves.

        Signed where Git's configuration says so (``commit.gpgsign``). AccessError or InputError where
        it then cannot be signed: no unsigned commit is written.
        """
        ...

    def checked_message(self, message: str) -> str:
        """The text of a commit that a person makes, as the repository's ``commit-msg`` hook leaves it.

        The same where there is no such hook. Raises RefusedError with the hook's words where it refuses.
        """
        ...

    def move_ref(self, update: RefUpdate, reason: str) -> None:
        """Move one ref by compare-and-swap, with a reflog entry where Git keeps one.

        Raises ConflictError when it moved or is locked, InputError for a name or id that cannot be.
        """
        ...

    def signature(self) -> tuple[Signature, Signature]:
        """Author and committer for a commit made now, by Git's own configuration and environment."""
        ...

    def changed_paths(self) -> tuple[str, ...]:
        """Paths whose work tree or index differs from HEAD (untracked, not ignored ones too), sorted."""
        ...

    def refresh(self, path: str, old: str | None) -> bool:
        """Bring file and index entry to a moved HEAD where both still were blob `old` (None: absent).

        Returns False, and touches nothing, where either was changed by somebody. Raises
        ConflictError while another process holds the index.
        """
        ...

    def remote_refs(self, remote: str, names: Sequence[str]) -> Mapping[str, str | None]:
        """Look up refs of a remote without fetching: name → id, None where absent. Callable from any thread.

        Raises AccessError or UnavailableError with the server's words.
        """
        ...

    def remote_names(self, remote: str, prefix: str) -> tuple[str, ...]:
        """The full names of a remote's refs that start with a prefix, sorted. Raises as `remote_refs`."""
        ...

    def keep(self, revisions: Sequence[str]) -> None:
        """Tell a store that throws old objects away what is still needed: all of these commits, once fetched.

        Of other commits it keeps only the commit itself. Repositories of people keep everything anyway.
        """
        ...

    def fetch(self, remote: str, refs: Sequence[str]) -> Mapping[str, str | None]:
        """Fetch refs of a remote (a configured name or URL) with their objects; name → id, None where absent.

        No local ref moves; FETCH_HEAD names what came, so that the next fetch brings only what is
        new. Raises AccessError or UnavailableError with the server's words.
        """
        ...

    def push(self, remote: str, updates: Sequence[RefUpdate]) -> None:
        """Push refs by compare-and-swap, atomically where the server can.

        The repository's ``pre-push`` hook is asked first. A ref that is where it is to go is done; where
        the answer is lost, the remote is looked at again. Raises ConflictError (a ref moved, or a branch
        would be rewound), RefusedError (a hook here or there, or a rule of the server), AccessError, or
        UnavailableError (nothing has moved there, or nobody knows), with the server's words.
        """
        ...


@dataclass(frozen=True, slots=True)
class EvaluationTask:
    """One evaluation: the code of the entry snippet and the tree that its imports are read from.

    `key` names it in messages (``gateway in prod``). Tasks of one tree and one `group` have most of
    their work in common, so an engine may do them in one call; "" stands alone.
    """

    key: str
    code: str
    tree: Tree
    group: str = ""


class SchemaChecker(Protocol):
    """JSON Schema in a place with limits: a schema is somebody else's program, as a component is."""

    def check(self, config: JsonValue, schema: bytes, path: str, key: str) -> "tuple[Finding, ...]":
        """Everything in a component's final config that does not fit the schema in the file at `path`.

        `key` names the config in messages (``gateway in prod``). Raises InputError for a schema that is not
        valid, or that takes more time or memory than an evaluation may.
        """
        ...


class Evaluator(Protocol):
    """A jsonnet engine behind child processes with limits."""

    @property
    def schemas(self) -> SchemaChecker:
        """Checks what was evaluated, with the same limits; starts nothing before it is asked."""
        ...

    @property
    def version(self) -> str:
        """Engine and exact version, as the audit trail names them: ``gojsonnet 0.22.0``."""
        ...

    def prepare(self) -> None:
        """Get ready in the background, because there will be tasks soon. Raises nothing; may do nothing."""

    def evaluate(self, tasks: Sequence[EvaluationTask]) -> tuple[Evaluation, ...]:
        """The outcome of each task, in order. One failing task never stops the others."""
        ...

    def stream(self, tasks: Sequence[EvaluationTask]) -> Iterator[tuple[int, Evaluation]]:
        """As `evaluate`, each outcome as soon as it is there, with the position of its task."""
        ...


class Executor(Protocol):
    """Where evaluations run: the part of `concurrent.futures.Executor` that is needed.

    Each thread that it runs functions in keeps its own worker process, so threads should last.
    """

    def submit(self, function: Callable[..., T], /, *arguments: Any) -> "Future[T]":
        """Run a function, now or when there is room; its outcome or exception through the future."""
        ...

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Take nothing more, and return when all that runs has ended."""
        ...


class RenderCache(Protocol):
    """What renders remember from one run to the next. Never needed: each entry may be gone at any time.

    Both methods raise nothing: an entry that is absent, damaged or out of reach is None, and
    one that cannot be kept is dropped. Safe for many threads and processes at once.
    """

    def get(self, key: str) -> bytes | None:
        """The bytes that were put under a key, whole and unchanged, or None."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep bytes under a key for a while, in place of what was there."""
        ...


class Cluster(Protocol):
    """A Kubernetes API server. All methods may be called from many threads at once.

    Errors: ClusterError (the server refused; with its status), UnavailableError (out of reach,
    too slow, or its answer makes no sense), AccessError (no credentials could be had), and
    InputError for an object without a name or namespace.
    """

    @property
    def url(self) -> str:
        """The address of the API server, for messages."""
        ...

    def ping(self, timeout: float = 5) -> None:
        """Return when the server answers and is ready, within `timeout` seconds. Raises UnavailableError."""
        ...

    def warnings(self) -> tuple[Problem, ...]:
        """What the server warned of since the last call, each text once with the object it was about."""
        ...

    def requests(self) -> Mapping[str, int]:
        """How many requests were sent so far, by HTTP method; an open watch counts once (``WATCH``)."""
        ...

    def answers(self) -> Mapping[tuple[str, int], int]:
        """The same by HTTP method and status; status 0 where no answer came (yet)."""
        ...

    def close(self) -> None:
        """Close idle connections and end waiting for retries. Watches are closed by their own contexts."""
        ...

    def resource_type(self, group: str, kind: str, version: str = "") -> ResourceType | None:
        """The served type of a kind, None where not served. Discovery is cached; a miss asks once more.

        Without a version, the one that the server prefers. UnavailableError where the server
        cannot tell now, because the extension server behind that group is down.
        """
        ...

    def apply(
        self,
        kind: ResourceType,
        value: JsonObject,
        *,
        force: bool = False,
        dry_run: bool = False,
        create: bool = False,
    ) -> JsonObject:
        """Server-side apply with field manager ``envctl``: one request. Returns the stored object.

        With `create` only where there is no such object, else ClusterError with status 409: what stands
        there is never changed, not even where it appears at the same moment.
        """
        ...

    def hand_over(self, kind: ResourceType, live: JsonObject, operations: Sequence[JsonObject]) -> JsonObject:
        """Apply a JSON patch (RFC 6902) to a live object at the very version that was seen.

        ClusterError, status 409, where it changed since. Returns the stored object.
        """
        ...

    def throttled(self) -> int:
        """How often the server said so far that it is too busy (429, 503, 504), by any request."""
        ...

    def apply_status(self, kind: ResourceType, value: JsonObject) -> JsonObject:
        """Server-side apply of the status subresource, forced: the status is ours alone."""
        ...

    def get(self, kind: ResourceType, namespace: str, name: str) -> JsonObject | None:
        """The live object, or None when the server says that this very object does not exist.

        A kind that is not served any more is a ClusterError (404), never an absent object.
        """
        ...

    def create(self, kind: ResourceType, value: JsonObject) -> JsonObject:
        """Create an object. ClusterError with status 409 where it exists."""
        ...

    def replace(self, kind: ResourceType, value: JsonObject) -> JsonObject:
        """Replace an object at the resourceVersion it carries. ClusterError, status 409, where it moved."""
        ...

    def delete(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        policy: str = "Background",
    ) -> bool:
        """Delete with preconditions. False where it is gone already.

        `policy` is what becomes of what the object owns: ``Background``, ``Foreground`` or ``Orphan``.

        ClusterError, status 409, where a precondition does not hold. An object with finalizers stays
        for a while after True.
        """
        ...

    def list(self, kind: ResourceType, *, selector: str = "", namespace: str = "") -> Listing:
        """Every matching object, all pages, or an error: never a partial list."""
        ...

    def watch(
        self, kind: ResourceType, *, selector: str = "", namespace: str = "", metadata_only: bool = False
    ) -> AbstractContextManager[Iterator[WatchEvent]]:
        """Initial state as ADDED events, then SYNCED, then changes as they happen, without polling.

        The iterator ends when the server closes the stream (each 5 to 10 minutes), when the stream
        stalled, or after EXPIRED; then call again. A connection that breaks is an UnavailableError.
        What came before SYNCED is no complete state. `metadata_only` objects hold apiVersion, kind
        and metadata. Leaving the context from any thread closes the connection at once.
        """
        ...


class Attempts(Protocol):
    """Counts, past the end of the process, how often a commit was begun and not ended. Raises nothing."""

    def count(self, revision: str) -> int:
        """How often a commit was begun without an end."""
        ...

    def begin(self, revision: str) -> None:
        """A commit is begun."""
        ...

    def end(self, revision: str) -> None:
        """Its reconcile has come back: it counts no more."""
        ...

    def use(self, permit: str) -> bool:
        """Use a permit up; False where that was done before."""
        ...


class Clock(Protocol):
    """Time, so that nothing below reads it by itself."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
