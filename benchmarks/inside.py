"""The seconds of one command inside a process that has already done another one: without any start-up.

    python benchmarks/inside.py REPOSITORY WARM COMMAND

WARM and COMMAND are arguments of envctl, in one text each. Prints wall-clock and processor seconds.
"""

import contextlib
import io
import shlex
import sys
import time

from envctl.cli.main import run


def main() -> None:
    root, warm, command = sys.argv[1:]
    with contextlib.redirect_stdout(io.StringIO()):
        run(["-C", root, *shlex.split(warm)])
        wall, cpu = time.perf_counter(), time.process_time()
        code = run(["-C", root, *shlex.split(command)])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(wall, cpu)
    sys.exit(code)


if __name__ == "__main__":
    main()
