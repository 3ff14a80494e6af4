"""Ends a control plane whose owner died, even by SIGKILL.

Run as a script with the data folder as its argument. It leads the process group of the
control plane and reads a pipe that only the owner can write to. When the pipe closes, the
owner has gone: the guardian kills the group and removes the data folder. It imports little, so
that it starts fast and stays small.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path


def main(directory: str) -> None:
    """Wait for the end of the owner, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    group = os.getpid()
    # A leader cannot leave its own group, so a child kills the group and outlives it.
    if os.fork() == 0:
        os.setpgid(0, 0)
        os.killpg(group, signal.SIGKILL)
        remove(directory)


def remove(directory: str) -> None:
    """Remove a folder, again where a program that is just dying still makes a file in it."""
    for _ in range(100):
        shutil.rmtree(directory, ignore_errors=True)
        if not Path(directory).exists():
            return
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
