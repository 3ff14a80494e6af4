"""Looking up, fetching and pushing refs of remotes. Objects move both ways; refs only as asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile

from dulwich.config import StackedConfig
from dulwich.objects import ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from envctl.errors import ConflictError, EnvctlError, UnavailableError
from envctl.gitstore import local
from envctl.gitstore.access import git_settings
from envctl.gitstore.addresses import Address, find_address, redacted
from envctl.gitstore.configuration import git_config, setting
from envctl.gitstore.failures import translated
from envctl.gitstore.hooks import Hooks
from envctl.gitstore.negotiation import Haves
from envctl.gitstore.objects import COMMIT, Objects, is_id
from envctl.gitstore.ownership import require_own
from envctl.gitstore.packs import add_pack
from envctl.gitstore.refs import list_refs, moved_away
from envctl.gitstore.revisions import Revisions
from envctl.gitstore.transport import Connection, connected
from envctl.gitstore.upload import Upload
from envctl.model.access import Access
from envctl.model.git import RefUpdate, Signature

_SPOOL = 16 << 20  # bytes of a pack that are kept in memory
_ASKED = 1000  # refs whose commits may be named to a server, the likeliest first


class Remotes:
    """The remotes of one repository, opened by Git's own credentials or by those of `access` alone.

    `seconds`: for one operation with `access`. `complete`: the only commits whose files are all here, for a
    store that throws away the files of others; None where all commits are whole.
    """

    def __init__(
        self,
        repo: Repo,
        objects: Objects,
        revisions: Revisions,
        *,
        access: Access | None = None,
        seconds: float = 0,
        complete: Sequence[str] | None = None,
    ) -> None:
        self._access = access
        self._seconds = seconds
        self._complete = complete
        self._repo = repo
        self._objects = objects
        self._revisions = revisions
        self._root = Path(repo.path)
        self._hooks = Hooks(repo)

    def look_up(self, remote: str, names: Sequence[str]) -> dict[str, str | None]:
        """Refs of a remote by name, None where absent. Fetches nothing and touches nothing here."""
        address, config = self.address(remote)
        if address.is_local:
            return dict(local.look_up(address, names))
        return self._looked_up(address, config, names)

    def names(self, remote: str, prefix: str) -> tuple[str, ...]:
        """The names of a remote's refs that start with a prefix, sorted."""
        address, config = self.address(remote)
        if address.is_local:
            with local.opened(address) as repo:
                return tuple(list_refs(repo, prefix))
        with connected(address, config, self._root, self._access) as connection:
            found = connection.client.get_refs(connection.path, ref_prefix=[prefix.encode()])
            names = (name.decode("utf-8", "replace") for name in found.refs)
            # A server of an older protocol tells all refs.
            return tuple(sorted(name for name in names if name.startswith(prefix)))

    def fetch(self, remote: str, names: Sequence[str]) -> dict[str, str | None]:
        """Fetch refs with their objects. Only FETCH_HEAD names them here, as after ``git fetch URL``."""
        address, config = self.address(remote)
        haves = self._haves(names)
        if address.is_local:
            found = local.fetch(address, self._repo, self._objects, names, haves)
        else:
            with connected(address, config, self._root, self._access) as connection:
                found = self._download(connection, names, address, haves)
        self._write_fetch_head(address, found)
        return found

    def push(self, remote: str, updates: Sequence[RefUpdate], by: Signature) -> None:
        """Move refs of a remote by compare-and-swap, all or none where the server can."""
        address, config = self.address(remote, push=True)
        self._require_forward(updates)
        self._hooks.pre_push(address, updates)
        if address.is_local:
            local.push(address, self._repo, updates, by)
        elif updates:
            self._upload(address, config, updates)

    def _upload(self, address: Address, config: StackedConfig, updates: Sequence[RefUpdate]) -> None:
        upload = Upload(self._repo, address, updates)
        try:
            with connected(address, config, self._root, self._access) as connection:
                upload.send(connection)
        except UnavailableError as error:
            if upload.is_sent:
                self._look_again(address, config, updates, error)
            else:
                raise

    def _look_again(
        self, address: Address, config: StackedConfig, updates: Sequence[RefUpdate], lost: UnavailableError
    ) -> None:
        """The answer to a push was lost: done where all refs are where they were to go. Else raises."""
        try:
            found = self._looked_up(address, config, [each.name for each in updates])
        except EnvctlError as error:
            lost.hint = "nobody knows whether the push arrived; run it again, which is safe"
            raise lost from error
        if all(found[each.name] == each.new for each in updates):
            return
        if all(found[each.name] == each.old for each in updates):
            lost.hint = lost.hint or "nothing has moved there; run it again"
            raise lost
        other = next(each for each in updates if found[each.name] != each.new)
        raise moved_away(other, found[other.name]) from lost

    def _looked_up(
        self, address: Address, config: StackedConfig, names: Sequence[str]
    ) -> dict[str, str | None]:
        with connected(address, config, self._root, self._access) as connection:
            prefixes = [each.encode() for each in names]
            found = connection.client.get_refs(connection.path, ref_prefix=prefixes)
            return _named(found.refs, names, address)

    def address(self, remote: str, *, push: bool = False) -> tuple[Address, StackedConfig]:
        """Where a remote is, and the settings that count for it."""
        config = git_config(self._repo)
        address = find_address(config, remote, self._root, push=push)
        if self._access is not None:
            ours = git_settings(self._access, self._seconds)
            config = StackedConfig([ours, *config.backends], writable=config.writable)
        elif address.scheme in {"ssh", "git+ssh"} and setting(config, ("core",), "sshCommand"):
            require_own(self._repo, "core.sshCommand")
        return address, config

    def _haves(self, names: Sequence[str]) -> list[str]:
        """Commits that are here, those that the fetched refs likely build on first."""
        if self._complete is not None:
            return [each for each in self._complete if self._is_commit(each)]
        refs = list_refs(self._repo, "refs/")
        short = {name.rpartition("/")[2] for name in names}
        near = sorted(refs, key=lambda each: (each not in names, each.rpartition("/")[2] not in short))
        candidates = dict.fromkeys([*self._fetched_before(), *(refs[each] for each in near[:_ASKED])])
        return [each for each in candidates if self._is_commit(each)]

    def _is_commit(self, object_id: str) -> bool:
        found = self._objects.find(object_id)
        return found is not None and found[0] == COMMIT

    def _fetched_before(self) -> list[str]:
        try:
            text = self._fetch_head.read_text(errors="replace")
        except OSError:
            return []
        return [line[:40] for line in text.splitlines() if is_id(line[:40])]

    def _download(
        self, connection: Connection, names: Sequence[str], address: Address, haves: list[str]
    ) -> dict[str, str | None]:
        found: dict[str, str | None] = {}

        def wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001
            connection.listed()
            found.update(_named(refs, names, address))
            missing = {each for each in found.values() if each and not self._objects.has(each)}
            return [ObjectID(each.encode()) for each in sorted(missing)]

        shallow = self._repo.get_shallow()
        if self._complete is not None:
            shallow = {ObjectID(each.encode()) for each in haves}
        walker = Haves(haves, self._objects.parents, shallow)
        with SpooledTemporaryFile(_SPOOL) as pack:
            prefixes = [each.encode() for each in names]
            result = connection.client.fetch_pack(
                connection.path, wants, walker, pack.write, ref_prefix=prefixes
            )
            if pack.tell():
                with self._objects.lock, translated("store fetched objects", place=address.name):
                    store = self._repo.object_store
                    add_pack(store.pack_dir, lambda: (pack.seek(0), store.add_thin_pack(pack.read, None)))
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
