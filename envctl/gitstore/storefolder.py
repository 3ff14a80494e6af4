"""The folder of an agent's store: a bare repository that is only a cache, and what is known about it.

A file beside the repository says which commits are whole here. Older ones lose their files when the store is
trimmed, so a fetch must not tell a server that it has them.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.repo import Repo

from envctl.errors import InputError
from envctl.gitstore.failures import translated
from envctl.gitstore.objects import is_id

MARK = "envctl-store.json"
ATTEMPTS = "attempts.json"
"""Not about the repository: it is kept when that is thrown away."""
INCOMING = "incoming"
_WHOLE = 8
_FLAWED = 20
_PACKS, _ROOM = 40, 32 << 20


@dataclass(frozen=True, slots=True)
class StoreState:
    """What is known about a store.

    - `whole`: the commits whose trees and files are all here, the newest first; of others only some are.
    - `size`: the bytes of all packs after the last trim.
    - `flawed`: commits that no agent may read, and why.
    """

    whole: tuple[str, ...] = ()
    size: int = 0
    flawed: Mapping[str, str] = field(default_factory=dict)

    def with_whole(self, tips: Iterable[str], keep: Iterable[str] = ()) -> "StoreState":
        """The state after these commits were fetched. Older ones are forgotten, but none of those to keep."""
        kept = [each for each in keep if each in self.whole]
        return replace(self, whole=tuple(dict.fromkeys([*tips, *kept, *self.whole]))[:_WHOLE])

    def only(self, whole: Iterable[str]) -> "StoreState":
        """The state in which only these commits are whole."""
        return replace(self, whole=tuple(whole))

    def sized(self, size: int) -> "StoreState":
        """The state with another size after the last trim."""
        return replace(self, size=size)

    def with_flaws(self, flaws: Mapping[str, str]) -> "StoreState":
        """The state with more commits that may not be read."""
        kept = dict(list({**self.flawed, **flaws}.items())[-_FLAWED:])
        return replace(self, flawed=kept)


def read_state(folder: Path) -> StoreState:
    """What is known; nothing where the file is gone or damaged, which costs one whole fetch."""
    with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
        found = json.loads((folder / MARK).read_bytes())
        whole = tuple(str(each) for each in found["whole"] if is_id(str(each)))
        return StoreState(whole, int(found["size"]), {str(k): str(v) for k, v in found["flawed"].items()})
    return StoreState()


def write_state(folder: Path, state: StoreState) -> None:
    """Keep what is known, in one step."""
    scratch = folder / f"{MARK}.new"
    text = json.dumps({"whole": state.whole, "size": state.size, "flawed": dict(state.flawed)})
    scratch.write_text(text)
    scratch.replace(folder / MARK)


def open_folder(folder: Path) -> Repo:
    """The repository, made where there is nothing. A damaged one of ours is made anew.

    Raises InputError for a folder with something else in it, and what the disk refuses.
    """
    with translated("open the store", place=str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            return _made(folder)
        try:
            return Repo(str(folder))
        except (NotGitRepository, ValueError, KeyError, OSError):
            if not (folder / MARK).exists():
                raise
        clear(folder)
        return _made(folder)


def bare_store(folder: Path) -> Repo:
    """As `open_folder`; only a bare repository with SHA-1 ids will do. Raises InputError for another."""
    try:
        repo = open_folder(folder)
    except NotGitRepository as error:
        raise InputError("the directory holds no bare repository", place=str(folder)) from error
    if not repo.bare or repo.object_format.name != "sha1":
        repo.close()
        if (folder / MARK).exists():  # a damaged setting says so
            with translated("make the store anew", place=str(folder)):
                clear(folder)
                return _made(folder)
        raise InputError("the directory holds no bare repository", place=str(folder))
    return repo


def made_anew(folder: Path) -> Repo:
    """Throw everything away, and make an empty store. Raises UnavailableError where the disk refuses."""
    with translated("make the store anew", place=str(folder)):
        clear(folder)
        return _made(folder)


def _made(folder: Path) -> Repo:
    (folder / MARK).write_text("{}")  # first: from now on the folder is known to be ours
    return Repo.init_bare(str(folder))


def clear(folder: Path) -> None:
    """Remove what is in a store's folder, all but the mark: a half empty folder is still known as ours."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name not in {MARK, ATTEMPTS}:
            each.unlink(missing_ok=True)


def sweep(folder: Path) -> Path:
    """An empty folder for what is on its way; remove what killed fetches left. For one process at a time."""
    incoming = folder / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    packs = folder / "objects" / "pack"
    for pattern in ("tmp_*", "*.tmp", "*.idx.lock"):
        for each in packs.glob(pattern):
            each.unlink(missing_ok=True)
    for each in packs.glob("*.pack"):
        if not each.with_suffix(".idx").exists():
            each.unlink(missing_ok=True)
    with translated("make room for a fetch", place=str(folder)):
        incoming.mkdir(parents=True, exist_ok=True)
    return incoming


def pack_bytes(folder: Path) -> tuple[int, int]:
    """How many packs there are, and how many bytes they have with their indexes."""
    found = [each.stat().st_size for each in (folder / "objects" / "pack").glob("pack-*") if each.is_file()]
    return len(found) // 2, sum(found)


def is_untidy(folder: Path, state: StoreState) -> bool:
    """Whether so much was fetched since the last trim that the next one is due."""
    packs, size = pack_bytes(folder)
    return packs > _PACKS or (state.size > 0 and size > 2 * state.size + _ROOM)
