"""The errors that a user can cause or must act on.

Every error that envctl raises on purpose is an `EnvctlError`. It says what is wrong
(`summary`), where (`place`: an object, a file with its line, a JSON path), what to do next
(`hint`), and which exit code the command ends with. Its branches are named after who must
act. Any other exception that reaches the command line is a bug in envctl (exit code 3).
"""

from dataclasses import dataclass

EXIT_CLEAN = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUG = 3
EXIT_DIFFERENT = 16
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one place; an error may carry many, found in one pass."""

    place: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.reason}" if self.place else self.reason
        return f"{text} ({self.hint})" if self.hint else text


class EnvctlError(Exception):
    """The root of all errors that envctl raises on purpose.

    `retry_after`: the seconds that the other side asked to wait before the next try (0: none).
    """

    exit_code = EXIT_FAILED
    retry_after: float = 0

    def __init__(
        self,
        summary: str,
        *,
        place: str = "",
        hint: str = "",
        problems: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.place = place
        self.hint = hint
        self.problems = problems

    def __str__(self) -> str:
        head = f"{self.place}: {self.summary}" if self.place else self.summary
        lines = [head, *(f"  {problem}" for problem in self.problems)]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    @property
    def line(self) -> str:
        """All of it in one line, for logs and for messages of a status."""
        return self.line_with(self.hint)

    def line_with(self, hint: str) -> str:
        """The same with another hint."""
        head = f"{self.place}: {self.summary}" if self.place else self.summary
        text = "; ".join([head, *map(str, self.problems)])
        return " ".join((f"{text} ({hint})" if hint else text).split())


class InputError(EnvctlError):
    """The author of a file must act: a source file, an overlay or an object is wrong."""


class DamagedError(InputError):
    """What is kept on disk is not what was written there. A cache can be thrown away and made anew."""


class UsageError(EnvctlError):
    """The person at the command line must act: an argument is wrong."""

    exit_code = EXIT_USAGE


class RefusedError(EnvctlError):
    """A guard or gate said no, on purpose; the hint says how to pass it."""


class ConflictError(EnvctlError):
    """Somebody else moved the same thing meanwhile; trying again may succeed."""


class AccessError(EnvctlError):
    """The owner of the credentials must act: not authenticated or not allowed."""


class UnavailableError(EnvctlError):
    """Something that envctl talks to is down, out of reach, or too slow."""


class ClusterError(EnvctlError):
    """The API server refused a request about one object.

    `status` is the HTTP status, `reason` the server's CamelCase reason (``Forbidden``,
    ``Conflict``, ``Invalid`` …), `causes` its (field, message) pairs, `retry_after` the
    seconds it asked to wait (0: none). `lacks_right`: the hint names the right that the credentials lack.
    """

    def __init__(
        self,
        summary: str,
        *,
        status: int,
        reason: str = "",
        causes: tuple[tuple[str, str], ...] = (),
        retry_after: float = 0,
        place: str = "",
        hint: str = "",
        lacks_right: bool = False,
    ) -> None:
        super().__init__(summary, place=place, hint=hint)
        self.lacks_right = lacks_right
        self.status = status
        self.reason = reason
        self.causes = causes
        self.retry_after = retry_after
