"""Races against another process of the same repository."""

from typing import Any

from envctl import wiring
from tests.functional.conftest import Workspace


def raced(workspace: Workspace) -> Any:
    """The repository of a workspace, in which somebody else commits once, just before the branch moves."""
    repository = wiring.open_repository(workspace.path)

    class Raced:
        moved = False

        def __getattr__(self, name: str) -> Any:
            return getattr(repository, name)

        def move_ref(self, *arguments: Any) -> None:
            if not self.moved:
                self.moved = True
                workspace.git("commit", "-q", "--allow-empty", "-m", "Faster")
            repository.move_ref(*arguments)

    return Raced()
