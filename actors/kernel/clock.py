"""Time as the actors see it: a wall clock for records, a monotonic one for waiting.

Everything that waits takes a clock, so that a test holds time still and moves it by hand: with the `VirtualClock` of
`twofold.runtime.testing`. Only the few milliseconds in which messages gather (`following.py`) are the machine's own.
"""

import time
from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable
from typing import Protocol

import anyio

__all__ = ["Clock", "SystemClock", "Timer"]


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
