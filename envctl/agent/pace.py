"""How often something may be said, however much happens."""


class Pace:
    """Lets `burst` through at once, and then one every so many `seconds`. Knows no clock."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst = burst
        self._seconds = seconds
        self._full_at = float("-inf")  # when everything that was taken has come back

    def take(self, now: float) -> bool:
        """Whether one may go now; it is counted then."""
        if self.next_at(now) > now:
            return False
        self._full_at = max(self._full_at, now) + self._seconds
        return True

    def next_at(self, now: float) -> float:
        """The earliest time at which one may go, not before `now`."""
        return max(now, self._full_at - (self._burst - 1) * self._seconds)
