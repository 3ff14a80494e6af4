"""The owner of a detached dev cluster: starts it, writes down where it is, and waits for its end.

``python -m envctl.devcluster.owner FOLDER OPTIONS`` is what `up` starts; `hold` does the same in
the foreground.
"""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from envctl.devcluster.binaries import ensure_programs
from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.devcluster.detached import (
    Place,
    State,
    make_folder,
    options_from_json,
    place_of,
    refuse_second,
    turn,
    write_state,
)
from envctl.devcluster.locks import locked
from envctl.devcluster.progress import Progress, quiet
from envctl.errors import EXIT_CLEAN, EXIT_FAILED, EnvctlError


def hold(
    name: str,
    options: ClusterOptions,
    progress: Progress,
    announce: Callable[[State], None],
    root: Path | None = None,
) -> None:
    """Run a cluster in this process until Ctrl-C or SIGTERM; `announce` is called when it is ready.

    Other commands find it by its name meanwhile. Raises as `detached.up` does.
    """
    place = place_of(name, root)
    refuse_second(place)
    ensure_programs(options.programs, progress)
    with contextlib.ExitStack() as stack:
        with turn(place, progress):
            make_folder(place)
            stack.enter_context(locked(place.lock))
        stack.callback(shutil.rmtree, place.folder, ignore_errors=True)
        serve(place, options, progress, announce)


def serve(
    place: Place, options: ClusterOptions, progress: Progress, announce: Callable[[State], None]
) -> None:
    """Start the cluster, write down where it is, and stop it at the first signal to end."""
    with _ended_by_signals():
        name, pid = place.folder.name, os.getpid()
        write_state(place, State(name, alive=True, pid=pid))
        with DevCluster.start(options, progress=progress) as cluster:
            shutil.copy(cluster.kubeconfig, place.kubeconfig)
            found = State(
                name,
                alive=True,
                pid=pid,
                url=cluster.url,
                kubeconfig=str(place.kubeconfig),
                directory=str(cluster.directory),
            )
            write_state(place, found)
            announce(found)
            while True:
                signal.pause()


class _EndedError(BaseException):
    """A signal asked this process to end. No Exception, so that nothing on the way takes it for a failure."""


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Leave the block, cleaning up on the way, at SIGINT, SIGTERM or SIGHUP."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _EndedError

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    except _EndedError:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(folder: str, options: str) -> int:
    """Own one cluster; a failure to start is written down for whoever asked for it."""
    place = Place(Path(folder))
    with locked(place.lock):
        try:
            serve(place, options_from_json(options), quiet, lambda _: None)
        except EnvctlError as error:
            failed = State(place.folder.name, alive=False, error=error.summary, hint=error.hint)
            write_state(place, failed)
            return EXIT_FAILED
        shutil.rmtree(place.folder, ignore_errors=True)
    return EXIT_CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
