"""Whether one of the recurring windows is open, in which nothing may be promoted. Pure: the time is given."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envctl.model.gates import Window
from envctl.model.recurrence import LAST_YEAR, RecurrenceError, starts

_LAST = (LAST_YEAR - 1970) * 31_556_952  # within a day of the end of the last year that can be judged


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that is open, and when it ends, in seconds since 1970."""

    window: Window
    ends: int


def open_window(windows: Iterable[Window], at: int) -> OpenWindow | None:
    """Of the windows that are open at a time, the one that ends last; None where none is.

    A window is open from its start on, and no more at its end. Raises RecurrenceError, a ValueError, for a
    window or a time that cannot be judged, whatever the other windows say.
    """
    found = [OpenWindow(each, ends) for each in windows for ends in _ends(each, at)]
    return max(found, key=lambda each: each.ends, default=None)


def _ends(window: Window, at: int) -> Iterator[int]:
    """When the newest start of a window ends, where it has not ended."""
    if not 0 <= at < _LAST:
        raise RecurrenceError("", f"the clock says {at} seconds since 1970, which cannot be right")
    since = max(0, at - window.duration)
    newest = max(starts(window.rule, window.start, window.timezone, since, at), default=None)
    if newest is not None and at < newest + window.duration:
        yield newest + window.duration
