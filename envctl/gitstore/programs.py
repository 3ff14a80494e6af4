"""Programs that Git's own configuration names: run as Git runs them, never asking anything."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envctl.errors import AccessError, InputError
from envctl.gitstore.addresses import words

_FOR_A_SHELL = re.compile(r"[|&;<>()$`\\\"' \t\n*?\[#~=%]")
_SAID = 2000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it said."""

    code: int
    out: bytes
    err: bytes

    @property
    def words(self) -> str:
        """Its words, fit to print: errors first."""
        return words(self.err + b"\n" + self.out, _SAID)


def command_line(command: str, arguments: Sequence[str]) -> list[str]:
    """The argument list of a command from Git's configuration: for a shell, where it looks like that."""
    if _FOR_A_SHELL.search(command):
        return ["/bin/sh", "-c", f'{command} "$@"', command, *arguments]
    return [command, *arguments]


def quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which ssh's programs ask nothing, unless somebody said that they may."""
    return {"SSH_ASKPASS_REQUIRE": "never", **environment}


def run_program(arguments: Sequence[str], data: bytes, seconds: float, *, cwd: str | None = None) -> Ended:
    """Run a program without a terminal, with a time limit.

    Raises InputError where there is no such program, AccessError where it took too long.
    """
    try:
        with subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=quiet(os.environ),
            cwd=cwd,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(data, seconds)
            except BaseException:
                end_group(process)
                raise
    except subprocess.TimeoutExpired as error:
        raise AccessError(
            f"{arguments[0]} did not answer within {seconds:.0f} seconds",
            hint="it may wait for a person; make it work without one",
        ) from error
    except OSError as error:
        raise InputError(
            f"the program {arguments[0]} cannot be started: {error.strerror}",
            hint="install it, or name another one in Git's configuration",
        ) from error
    return Ended(process.returncode, out, err)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in a session of its own, with all that it started there."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        process.kill()
