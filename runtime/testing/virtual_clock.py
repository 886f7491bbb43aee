"""A clock for tests: time stands still until it is moved, and then everything due happens, in order, at its time."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import anyio

__all__ = ["START", "VirtualClock", "microseconds"]

START = datetime(2010, 12, 1, 8, tzinfo=UTC)
"""When tests take place, unless they say otherwise."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return how long after the Unix epoch `moment` is, exactly.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone, so it is no moment. Give it one, such as tzinfo=UTC.")
    return (moment - _EPOCH) // timedelta(microseconds=1)


class VirtualTimer:
    """A call that is due at a time of a `VirtualClock`."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class VirtualClock:
    """A `Clock` that stands at `start` until `advance` moves it."""

    def __init__(self, start: datetime = START) -> None:
        self._now = microseconds(start)
        self._monotonic = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, VirtualTimer]] = []

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def call_later(self, seconds: float, call: Callable[[], None]) -> VirtualTimer:
        timer = VirtualTimer(call)
        heapq.heappush(self._timers, (self._monotonic + seconds, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        woken = anyio.Event()
        timer = self.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Move the time on by `seconds` and make, in order, the calls that fall due, each at its own time.

        Whoever sleeps and is woken by it goes on at the next turn of the event loop, when the time has moved on whole.

        Raises:
            ValueError: time does not go back.
        """
        if not seconds >= 0:
            raise ValueError(f"Time does not go back: it cannot advance by {seconds} seconds.")
        target = self._monotonic + seconds
        while self._timers and self._timers[0][0] <= target:
            due, _, timer = heapq.heappop(self._timers)
            self._move_to(max(due, self._monotonic))
            if timer.call is not None:
                timer.call()
        self._move_to(target)

    def _move_to(self, monotonic: float) -> None:
        self._now += round((monotonic - self._monotonic) * 1_000_000)
        self._monotonic = monotonic
