"""Time as the actors see it: a wall clock for records, a monotonic one for waiting.

Everything that waits takes a clock, so that a test holds time still and moves it by hand.
"""

import heapq
import time
from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable
from itertools import count
from typing import Protocol

import anyio

__all__ = ["Clock", "HeldClock", "SystemClock", "Timer"]


class Timer(Protocol):
    """A call that is due later and may be called off."""

    def cancel(self) -> None:
        """Call it off; once it has fired this does nothing."""


class Clock(Protocol):
    """What tells the time and wakes those who wait for it."""

    def now(self) -> int:
        """Return the wall clock's time in microseconds since the Unix epoch. It may jump."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start. They never go back."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Have `call` called on the event loop in `seconds`."""

    async def sleep(self, seconds: float) -> None:
        """Return in `seconds`."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(self, seconds: float, call: Callable[[], None]) -> TimerHandle:
        # asyncio's own timer: a cancel scope with a deadline around each wait costs six times as much.
        return get_running_loop().call_later(seconds, call)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _HeldTimer:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class HeldClock:
    """A clock that stands still until `advance` moves it: time for tests."""

    def __init__(self, now: int = 1_291_190_400_000_000) -> None:
        self._now = now
        self._monotonic = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, _HeldTimer]] = []

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def call_later(self, seconds: float, call: Callable[[], None]) -> _HeldTimer:
        timer = _HeldTimer(call)
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
        """Move both clocks on by `seconds` and make, in order, the calls that fall due."""
        target = self._monotonic + seconds
        while self._timers and self._timers[0][0] <= target:
            due, _, timer = heapq.heappop(self._timers)
            self._move_to(due)
            if timer.call is not None:
                timer.call()
        self._move_to(target)

    def _move_to(self, monotonic: float) -> None:
        self._now += round((monotonic - self._monotonic) * 1_000_000)
        self._monotonic = monotonic
