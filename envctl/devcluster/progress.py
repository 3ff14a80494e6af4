"""How long work tells what it is doing."""

from typing import Protocol


class Progress(Protocol):
    """Takes a short line without a line end; called some times a second at most, from one thread."""

    def __call__(self, line: str, /) -> None:
        """Take note of one line."""
        ...


def quiet(line: str, /) -> None:
    """The progress of those who do not want any."""
