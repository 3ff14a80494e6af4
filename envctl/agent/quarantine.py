"""A commit that ends the agent again and again is left alone: the cluster stays as it is.

A commit is counted before it is begun and taken off when its reconcile came back, well or not. So what is
left counts the times that the process was gone in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from envctl.agent.options import World
from envctl.agent.permits import RETRY_COMMIT, LiftableError, annotating, permit
from envctl.errors import EnvctlError
from envctl.ports import Attempts

_CRASHES = 3
_SURVIVED = 60.0
"""Seconds after which a commit that is still under way is not one that ends the agent."""


class Quarantine:
    """Decides whether a commit may be begun."""

    def __init__(self, world: World, attempts: Attempts) -> None:
        self._world = world
        self._attempts = attempts
        self._commit = ""
        self._since = 0.0

    @contextmanager
    def begun(self, commit: str) -> Iterator[None]:
        """Count a commit while it is brought to the cluster.

        Raises LiftableError where it ended the agent three times.
        """
        crashes = self._attempts.count(commit)
        if crashes >= _CRASHES:
            self._require_permit(commit, crashes)
        self._attempts.begin(commit)
        self._commit, self._since = commit, self._world.clock.monotonic()
        try:
            yield
        except EnvctlError:
            self._end()
            raise
        self._end()

    def survived(self) -> None:
        """Tell that the agent still lives: after a while the commit under way is taken off."""
        if self._commit and self._world.clock.monotonic() - self._since > _SURVIVED:
            self._end()

    def _end(self) -> None:
        if self._commit:
            self._attempts.end(self._commit)
        self._commit = ""

    def _require_permit(self, commit: str, crashes: int) -> None:
        allowed = permit(self._world, RETRY_COMMIT)
        if allowed.startswith(commit) and self._attempts.use(allowed):
            self._attempts.end(commit)
            return
        more = f"{commit}.{crashes}" if allowed.startswith(commit) else commit
        raise LiftableError(
            f"it is quarantined: the agent ended {crashes} times while it was brought to the cluster",
            place=f"{self._world.options.branch}@{commit[:12]}",
            hint=f"publish another commit, or allow it: {annotating(self._world, RETRY_COMMIT, more)}",
        )


class NoAttempts:
    """The port `Attempts` for an agent that counts nothing."""

    def count(self, revision: str) -> int:  # noqa: ARG002
        return 0

    def begin(self, revision: str) -> None:
        """Nothing."""

    def end(self, revision: str) -> None:
        """Nothing."""

    def use(self, permit: str) -> bool:  # noqa: ARG002
        return False
