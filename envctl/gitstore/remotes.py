"""Looking up, fetching and pushing refs of remotes. Objects move both ways; refs only as asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from tempfile import SpooledTemporaryFile

from dulwich.client import GitClient
from dulwich.config import StackedConfig
from dulwich.errors import GitProtocolError, SendPackError
from dulwich.objects import ObjectID
from dulwich.pack import UnpackedObject
from dulwich.refs import Ref
from dulwich.repo import Repo

from envctl.errors import ConflictError, EnvctlError, RefusedError, UnavailableError
from envctl.gitstore import local
from envctl.gitstore.addresses import Address, find_address, redacted, words
from envctl.gitstore.failures import translated
from envctl.gitstore.negotiation import Haves
from envctl.gitstore.objects import COMMIT, Objects, is_id
from envctl.gitstore.packs import add_pack
from envctl.gitstore.refs import list_refs, moved_away
from envctl.gitstore.revisions import Revisions
from envctl.gitstore.transport import connected
from envctl.model.git import RefUpdate, Signature

_SPOOL = 16 << 20  # bytes of a pack that are kept in memory
_ASKED = 1000  # refs whose commits may be named to a server, the likeliest first
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


class Remotes:
    """The remotes of one repository."""

    def __init__(self, repo: Repo, objects: Objects, revisions: Revisions) -> None:
        self._repo = repo
        self._objects = objects
        self._revisions = revisions
        self._root = Path(repo.path)

    def look_up(self, remote: str, names: Sequence[str]) -> dict[str, str | None]:
        """Refs of a remote by name, None where absent. Fetches nothing and touches nothing here."""
        address, config = self._address(remote)
        if address.is_local:
            return dict(local.look_up(address, names))
        with connected(address, config, self._root) as (client, path):
            found = client.get_refs(path, ref_prefix=[each.encode() for each in names])
        return _named(found.refs, names, address)

    def fetch(self, remote: str, names: Sequence[str]) -> dict[str, str | None]:
        """Fetch refs with their objects. Only FETCH_HEAD names them here, as after ``git fetch URL``."""
        address, config = self._address(remote)
        haves = self._haves(names)
        if address.is_local:
            found = local.fetch(address, self._repo, self._objects, names, haves)
        else:
            with connected(address, config, self._root) as (client, path):
                found = self._download(client, path, names, address, haves)
        self._write_fetch_head(address, found)
        return found

    def push(self, remote: str, updates: Sequence[RefUpdate], by: Signature) -> None:
        """Move refs of a remote by compare-and-swap, all or none where the server can."""
        address, config = self._address(remote, push=True)
        self._require_forward(updates)
        if address.is_local:
            local.push(address, self._repo, updates, by)
        elif updates:
            with connected(address, config, self._root) as (client, path):
                _Upload(self._repo, address, updates).send(client, path)

    def _address(self, remote: str, *, push: bool = False) -> tuple[Address, StackedConfig]:
        with translated("read Git's configuration"):
            config = self._repo.get_config_stack()
        return find_address(config, remote, self._root, push=push), config

    def _haves(self, names: Sequence[str]) -> list[str]:
        """Commits that are here, those that the fetched refs likely build on first."""
        refs = list_refs(self._repo, "refs/")
        short = {name.rpartition("/")[2] for name in names}
        near = sorted(refs, key=lambda each: (each not in names, each.rpartition("/")[2] not in short))
        candidates = dict.fromkeys([*self._fetched_before(), *(refs[each] for each in near[:_ASKED])])
        return [each for each in candidates if (found := self._objects.find(each)) and found[0] == COMMIT]

    def _fetched_before(self) -> list[str]:
        try:
            text = self._fetch_head.read_text(errors="replace")
        except OSError:
            return []
        return [line[:40] for line in text.splitlines() if is_id(line[:40])]

    def _download(
        self, client: GitClient, path: bytes, names: Sequence[str], address: Address, haves: list[str]
    ) -> dict[str, str | None]:
        found: dict[str, str | None] = {}

        def wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001
            found.update(_named(refs, names, address))
            missing = {each for each in found.values() if each and not self._objects.has(each)}
            return [ObjectID(each.encode()) for each in sorted(missing)]

        walker = Haves(haves, self._objects.parents, self._repo.get_shallow())
        with SpooledTemporaryFile(_SPOOL) as pack:
            result = client.fetch_pack(
                path, wants, walker, pack.write, ref_prefix=[each.encode() for each in names]
            )
            if pack.tell():
                with self._objects.lock, translated("store fetched objects", place=address.name):
                    add_pack(lambda: (pack.seek(0), self._repo.object_store.add_thin_pack(pack.read, None)))
        self._repo.update_shallow(result.new_shallow, result.new_unshallow)
        found.update(_named(result.refs, names, address))
        absent = [name for name, each in found.items() if each and not self._objects.has(each)]
        if absent:
            raise UnavailableError(f"the server did not send what {absent[0]} points to", place=address.name)
        return found

    @property
    def _fetch_head(self) -> Path:
        return Path(self._repo.controldir(), "FETCH_HEAD")

    def _write_fetch_head(self, address: Address, found: Mapping[str, str | None]) -> None:
        lines = [
            f"{each}\t\t{_called(name)} of {redacted(address.url)}\n" for name, each in found.items() if each
        ]
        if lines:
            with translated("write FETCH_HEAD"):
                self._fetch_head.write_text("".join(lines))

    def _require_forward(self, updates: Sequence[RefUpdate]) -> None:
        for each in updates:
            branch = each.name.startswith("refs/heads/")
            if branch and each.old and not self._revisions.is_ancestor(each.old, each.new):
                raise ConflictError(
                    f"{each.new} does not descend from {each.old}, which the push would throw away",
                    place=each.name,
                )


class _Upload:
    """One push to a server."""

    def __init__(self, repo: Repo, address: Address, updates: Sequence[RefUpdate]) -> None:
        self._repo = repo
        self._address = address
        self._updates = updates
        self._said: list[bytes] = []

    def send(self, client: GitClient, path: bytes) -> None:
        """Send it. Raises ConflictError where a ref moved, RefusedError where the server said no."""
        try:
            self._try(client, path, atomic=len(self._updates) > 1)
        except SendPackError as error:
            raise self._refused(self._updates[0].name, words(str(error))) from error

    def _try(self, client: GitClient, path: bytes, *, atomic: bool) -> None:
        try:
            result = client.send_pack(path, self._swap, self._pack, progress=self._said.append, atomic=atomic)
        except GitProtocolError as error:
            if atomic and _NO_ATOMIC in str(error):
                self._try(client, path, atomic=False)
                return
            raise
        failed = {name.decode(): why for name, why in (result.ref_status or {}).items() if why is not None}
        if failed:
            causes = [name for name, why in failed.items() if not any(each in why for each in _FOLLOWING)]
            name = (causes or list(failed))[0]
            raise self._refused(name, failed[name])

    def _pack(
        self,
        have: AbstractSet[ObjectID],
        want: AbstractSet[ObjectID],
        *,
        ofs_delta: bool = False,
        progress: Callable[[bytes], None] | None = None,  # noqa: ARG002  (dulwich's signature)
    ) -> tuple[int, Iterator[UnpackedObject]]:
        with translated("gather the objects to push"):
            return self._repo.generate_pack_data(set(have), set(want), ofs_delta=ofs_delta)

    def _swap(self, refs: Mapping[Ref, ObjectID]) -> dict[Ref, ObjectID]:
        """The new ids, where the server's refs still are what the caller saw; it checks that once more."""
        for each in self._updates:
            actual = refs.get(Ref(each.name.encode()))
            found = actual.decode() if actual else None
            if found not in {each.old, each.new}:
                raise moved_away(each, found)
        return {Ref(each.name.encode()): ObjectID(each.new.encode()) for each in self._updates}

    def _refused(self, name: str, why: str) -> EnvctlError:
        said = words(b"".join(self._said))
        everything = f"{why} {said}".lower()
        if any(each in everything for each in _MOVED) and "cannot create" not in everything:
            update = next((each for each in self._updates if each.name == name), self._updates[0])
            return ConflictError(
                f"the ref was moved by somebody else: expected {update.old or 'no such ref'} ({words(why)})",
                place=name,
            )
        reason = f"{words(why)}: {said}" if said else words(why)
        return RefusedError(f"the server refused to move {name}: {reason}", place=self._address.name)


def _named(
    refs: Mapping[Ref, ObjectID] | Mapping[Ref, ObjectID | None], names: Sequence[str], address: Address
) -> dict[str, str | None]:
    found = {}
    for name in names:
        target = refs.get(Ref(name.encode()))
        found[name] = target.decode("ascii", "replace") if target else None
        if target and not is_id(found[name] or ""):
            raise UnavailableError(f"the server names no object id for {name}", place=address.name)
    return found


def _called(name: str) -> str:
    kinds = {"refs/heads/": "branch", "refs/tags/": "tag", "refs/remotes/": "remote-tracking branch"}
    for prefix, kind in kinds.items():
        if name.startswith(prefix):
            return f"{kind} '{name.removeprefix(prefix)}'"
    return f"'{name}'"
