"""How fast an actor works: messages a second over the last few seconds."""

from collections import deque

from .clock import Clock

__all__ = ["Meter"]

_WINDOW = 10.0
_SLOT = 0.1  # what comes within a tenth of a second is kept as one, so that memory is bounded


class Meter:
    """Counts what was handled, and forgets what is longer ago than ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int]] = deque()

    def count(self, messages: int) -> None:
        """Note that `messages` were handled just now."""
        now = self._clock.monotonic()
        if self._counts and now - self._counts[-1][0] < _SLOT:
            started, counted = self._counts[-1]
            self._counts[-1] = started, counted + messages
            return
        self._counts.append((now, messages))
        self._forget(now)

    def rate(self) -> float:
        """Return the messages a second over the last ten seconds."""
        self._forget(self._clock.monotonic())
        return sum(count for _, count in self._counts) / _WINDOW

    def _forget(self, now: float) -> None:
        while self._counts and now - self._counts[0][0] > _WINDOW:
            self._counts.popleft()
