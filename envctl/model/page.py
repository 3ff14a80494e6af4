"""What an HTTP request is answered with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: HTTP status, text, and its media type."""

    status: int
    text: str
    type: str = "text/plain; charset=utf-8"
