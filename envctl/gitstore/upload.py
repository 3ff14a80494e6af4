"""One push to a server: what it is told, and what its answer means."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from dulwich.errors import GitProtocolError, SendPackError
from dulwich.objects import ObjectID
from dulwich.pack import UnpackedObject
from dulwich.refs import Ref
from dulwich.repo import Repo

from envctl.errors import ConflictError, EnvctlError, RefusedError, UnavailableError
from envctl.gitstore.addresses import Address, words
from envctl.gitstore.failures import translated
from envctl.gitstore.refs import moved_away
from envctl.gitstore.transport import Connection
from envctl.model.git import RefUpdate

_NO_ATOMIC = "does not support atomic"
_MOVED = (
    "non-fast-forward",
    "fetch first",
    "stale info",
    "old value",
    "failed to update ref",
    "failed to lock",
    "cannot lock",
    "reference already exists",
    "but expected",
)
_FOLLOWING = ("atomic", "transaction")
_HEARD = 64 << 10  # bytes of a server's words that are kept


class Upload:
    """One push. `is_sent` says whether refs may have moved: if the answer is lost, nobody knows."""

    def __init__(self, repo: Repo, address: Address, updates: Sequence[RefUpdate]) -> None:
        self._repo = repo
        self._address = address
        self._updates = updates
        self._said = b""
        self.is_sent = False

    def send(self, connection: Connection) -> None:
        """Send it. Raises ConflictError where a ref moved, RefusedError where the server said no."""
        try:
            self._try(connection, atomic=len(self._updates) > 1)
        except SendPackError as error:
            raise self._refused(self._updates[0].name, words(str(error))) from error

    def _try(self, connection: Connection, *, atomic: bool) -> None:
        pending: set[str] = set()

        def swap(refs: Mapping[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            connection.listed()
            pending.update(self._pending(refs))
            return {Ref(each.name.encode()): ObjectID(each.new.encode()) for each in self._updates}

        try:
            result = connection.client.send_pack(
                connection.path, swap, self._pack, progress=self._hear, atomic=atomic
            )
        except GitProtocolError as error:
            if atomic and _NO_ATOMIC in str(error):
                self._try(connection, atomic=False)
                return
            raise
        told = {name.decode("utf-8", "replace"): why for name, why in (result.ref_status or {}).items()}
        failed = {name: why for name, why in told.items() if why is not None}
        if failed:
            causes = [name for name, why in failed.items() if not any(each in why for each in _FOLLOWING)]
            name = (causes or list(failed))[0]
            raise self._refused(name, failed[name])
        if pending - told.keys():
            raise UnavailableError(f"the server does not say whether it moved {min(pending - told.keys())}")

    def _pending(self, refs: Mapping[Ref, ObjectID]) -> Iterator[str]:
        """Refs that are to move, if all there still are what the caller saw; the server checks once more."""
        for each in self._updates:
            actual = refs.get(Ref(each.name.encode()))
            found = actual.decode("ascii", "replace") if actual else None
            if found not in {each.old, each.new}:
                raise moved_away(each, found)
            if found != each.new:
                yield each.name

    def _hear(self, said: bytes) -> None:
        self._said = (self._said + said)[:_HEARD]

    def _pack(
        self,
        have: AbstractSet[ObjectID],
        want: AbstractSet[ObjectID],
        *,
        ofs_delta: bool = False,
        progress: Callable[[bytes], None] | None = None,  # noqa: ARG002  (dulwich's signature)
    ) -> tuple[int, Iterator[UnpackedObject]]:
        self.is_sent = True
        with translated("gather the objects to push"):
            return self._repo.generate_pack_data(set(have), set(want), ofs_delta=ofs_delta)

    def _refused(self, name: str, why: str) -> EnvctlError:
        said = words(self._said)
        everything = f"{why} {said}".lower()
        if any(each in everything for each in _MOVED) and "cannot create" not in everything:
            update = next((each for each in self._updates if each.name == name), self._updates[0])
            return ConflictError(
                f"the ref was moved by somebody else: expected {update.old or 'no such ref'} ({words(why)})",
                place=name,
            )
        reason = f"{words(why)}: {said}" if said else words(why)
        return RefusedError(
            f"the server refused to move {name}: {reason}",
            place=self._address.name,
            hint="nothing has moved, here or there; do what the server asks for",
        )
