"""Deadlines for many waits at once.

A timer of the event loop for each wait costs ten times what is done here: nearly all waits end in time, and then each
leaves a cancelled timer behind in the loop's heap. Waits of the same length run out in the order in which they began,
so a queue for each length and one timer for its earliest will do.
"""

from collections import deque
from math import ceil, floor, inf, log10
from typing import Protocol

from .clock import Clock

__all__ = ["Deadlines", "Wait"]

_FEW = 1024
_NOW_AND_THEN = 32
_SHORTEST = 1e-9
"""Seconds; no clock tells less, and far below it the grid has no step that a float can hold."""


class Wait(Protocol):
    """Something that lasts until it has ended or its time is up."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    def expire(self) -> None:
        """End it, because its time is up."""


class Deadlines:
    """Expires each wait that lasts too long: in its time, or up to a hundredth of that later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[float, deque[tuple[float, Wait]]] = {}
        self._count = 0
        """How many waits are kept, the ended ones included."""
        self._full_at = _FEW

    def add(self, wait: Wait, seconds: float) -> None:
        """Have `wait` expired in `seconds`, unless it has ended by then; `inf` is never."""
        if seconds == inf:
            return
        queue = self._queues.get(seconds)
        if queue is None:
            seconds = _on_the_grid(seconds)
            queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = deque()
            self._clock.call_later(seconds, lambda: self._sweep(seconds))
        queue.append((self._clock.monotonic() + seconds, wait))
        self._count += 1
        if not self._count % _NOW_AND_THEN:
            while queue and queue[0][1].ended:  # nearly all end in the order in which they began
                queue.popleft()
                self._count -= 1
        if self._count > self._full_at:
            self._drop_ended()

    def _drop_ended(self) -> None:
        """Keep none of those that have ended; an empty queue goes when its timer comes."""
        for queue in self._queues.values():
            lasting = [entry for entry in queue if not entry[1].ended]
            queue.clear()
            queue.extend(lasting)
        self._count = sum(map(len, self._queues.values()))
        self._full_at = max(_FEW, 2 * self._count)

    def _sweep(self, seconds: float) -> None:
        queue = self._queues[seconds]
        now = self._clock.monotonic()
        while queue and (queue[0][0] <= now or queue[0][1].ended):
            wait = queue.popleft()[1]
            self._count -= 1
            if not wait.ended:
                wait.expire()
        if queue:
            self._clock.call_later(queue[0][0] - now, lambda: self._sweep(seconds))
        else:
            del self._queues[seconds]


def _on_the_grid(seconds: float) -> float:
    """Return the next length on a grid of a hundredth, so that lengths of all kinds share few queues and timers."""
    if seconds < _SHORTEST:
        return 0.0
    step = 10.0 ** (floor(log10(seconds)) - 2)
    return round(ceil(round(seconds / step, 6)) * step, 9)
