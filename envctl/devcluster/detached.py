"""Dev clusters that outlive the command that started them: `up`, `down`, `find`, `running`.

Each has a folder with a lock file, `state.json`, its kubeconfig and its owner's log. The owner is
a process that holds the lock as long as it lives, so whether a cluster lives is never guessed
from a process id.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from envctl.devcluster.binaries import ensure_programs
from envctl.devcluster.cluster import PREFIX, ClusterOptions
from envctl.devcluster.folders import state_folder
from envctl.devcluster.locks import is_held, locked
from envctl.devcluster.processes import kill_leftovers
from envctl.devcluster.progress import Progress, quiet
from envctl.errors import EnvctlError, RefusedError, UnavailableError, UsageError

DEFAULT_NAME = "envctl"

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_TO_STOP = 30


@dataclass(frozen=True, slots=True)
class State:
    """What is written down about a detached cluster. `error` says why a start failed."""

    name: str
    alive: bool
    pid: int = 0
    url: str = ""
    kubeconfig: str = ""
    directory: str = ""
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one detached cluster."""

    folder: Path

    @property
    def turn(self) -> Path:
        """Held by whoever is about to make or remove a folder; one for all names."""
        return self.folder.parent / ".lock"

    @property
    def lock(self) -> Path:
        """Held by the owner as long as it lives."""
        return self.folder / "lock"

    @property
    def state(self) -> Path:
        """What the owner tells."""
        return self.folder / "state.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, at a path that stays the same from one `up` to the next."""
        return self.folder / "kubeconfig"

    @property
    def log(self) -> Path:
        """What the owner printed, if anything."""
        return self.folder / "owner.log"


def place_of(name: str, root: Path | None = None) -> Place:
    """Where a cluster of this name keeps its state. Raises UsageError for a name that is none."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a dev cluster",
            hint="use up to 40 small letters, digits and dashes, with a letter or digit at both ends",
        )
    return Place((root or state_folder()) / name)


def find(name: str, root: Path | None = None) -> State:
    """The cluster of this name, dead or alive. Raises UsageError where there is none."""
    place = place_of(name, root)
    if not place.folder.exists():
        raise UsageError(
            f"there is no dev cluster {name}", hint=f"start it with `envctl dev-cluster up --name {name}`"
        )
    return _read(place)


def find_alive(name: str, root: Path | None = None) -> State:
    """The running cluster of this name. Raises UsageError where there is none, UnavailableError if dead."""
    state = find(name, root)
    if not state.alive or not state.kubeconfig:
        life = "is still starting" if state.alive else "has died"
        raise UnavailableError(
            f"the dev cluster {name} {life}",
            hint="wait for it"
            if state.alive
            else f"start it again with `envctl dev-cluster up --name {name}`",
        )
    return state


def running(root: Path | None = None) -> tuple[State, ...]:
    """All clusters that were started and not yet taken down, by name."""
    base = root or state_folder()
    names = sorted(each.name for each in base.iterdir() if each.is_dir()) if base.is_dir() else []
    return tuple(_read(Place(base / name)) for name in names)


def up(
    name: str = DEFAULT_NAME,
    options: ClusterOptions | None = None,
    progress: Progress = quiet,
    root: Path | None = None,
) -> State:
    """Start a detached cluster and wait until it is ready; its programs are built first, if need be.

    Raises RefusedError where one of this name runs already, UnavailableError where it does not
    start; nothing is left of it then.
    """
    chosen, place = options or ClusterOptions(), place_of(name, root)
    refuse_second(place)
    ensure_programs(chosen.programs, progress)
    with turn(place, progress):
        make_folder(place)
        progress(f"starting the dev cluster {name}")
        owner = _start_owner(place, chosen)
        try:
            return _await(place, owner)
        except BaseException:
            owner.terminate()
            owner.wait()
            _remove(place, _read(place))
            raise


def down(name: str = DEFAULT_NAME, root: Path | None = None) -> bool:
    """Stop a cluster and remove all of it, also what is left of a dead one. False where there is none."""
    place = place_of(name, root)
    if not place.folder.exists():
        return False
    with turn(place):
        state = _read(place)
        if state.alive:
            _stop_owner(place, state)
        _remove(place, state)
    return True


def turn(place: Place, progress: Progress = quiet) -> AbstractContextManager[None]:
    """Make and remove folders one command at a time."""
    return locked(place.turn, "waiting for another command that starts or stops a dev cluster", progress)


def make_folder(place: Place) -> None:
    """An empty folder for a new cluster; what a dead one left goes. Raises RefusedError if one lives."""
    refuse_second(place)
    if place.folder.exists():
        _remove(place, _read(place))
    place.folder.mkdir(mode=0o700)


def refuse_second(place: Place) -> None:
    """Raise RefusedError where a cluster of this name runs."""
    if is_held(place.lock):
        name = place.folder.name
        raise RefusedError(
            f"a dev cluster {name} runs already",
            place=str(place.folder),
            hint=f"`envctl dev-cluster down --name {name}` stops it; or choose another --name",
        )


def _remove(place: Place, state: State) -> None:
    """Remove what is left. The guardian has ended the programs, unless it was killed as well."""
    directory = Path(state.directory)
    if directory.is_absolute() and directory.name.startswith(PREFIX):
        kill_leftovers(directory)
        shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(place.folder, ignore_errors=True)


def write_state(place: Place, state: State) -> None:
    """Write the state down, whole or not at all."""
    fresh = place.state.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(place.state)


def options_to_json(options: ClusterOptions) -> str:
    """Options as one line for the owner's command line."""
    log = str(options.audit_log.absolute()) if options.audit_log else None
    return json.dumps(asdict(options) | {"audit_log": log})


def options_from_json(text: str) -> ClusterOptions:
    """What `options_to_json` made of them."""
    values: dict[str, Any] = json.loads(text)
    log = values.pop("audit_log")
    arguments = tuple(values.pop("apiserver"))
    return ClusterOptions(**values, apiserver=arguments, audit_log=Path(log) if log else None)


def _read(place: Place) -> State:
    alive = is_held(place.lock)
    try:
        written = State(**json.loads(place.state.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return State(place.folder.name, alive)
    return replace(written, alive=alive)


def _start_owner(place: Place, options: ClusterOptions) -> "subprocess.Popen[bytes]":
    """The owner gets a session of its own: no terminal, no Ctrl-C, no hang-up."""
    with place.log.open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "envctl.devcluster.owner",
                str(place.folder),
                options_to_json(options),
            ],
            cwd=place.folder.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await(place: Place, owner: "subprocess.Popen[bytes]") -> State:
    while True:
        code, state = owner.poll(), _read(place)
        if state.url and state.alive:
            # The owner stays when this process ends.
            owner.returncode = 0
            return state
        if code is not None:
            raise _failure(place, state, code)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _failure(place: Place, state: State, code: int) -> EnvctlError:
    if state.error:
        return UnavailableError(state.error, hint=state.hint)
    tail = place.log.read_text(errors="replace")[-2000:]
    return UnavailableError(f"the owner of the dev cluster ended (exit code {code}):\n{tail}")


def _stop_owner(place: Place, state: State) -> None:
    """Ask the owner to stop, and wait until it has let go of the lock."""
    if state.pid:
        os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS_TO_STOP
    while is_held(place.lock):
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"the dev cluster {state.name} does not stop", hint=f"kill its owner: kill -9 {state.pid}"
            )
        time.sleep(_SECONDS_BETWEEN_LOOKS)
