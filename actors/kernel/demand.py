"""Whether anybody waits for something to be done, so that whoever does it knows whether to make haste."""

import anyio

__all__ = ["Demand"]


class Demand:
    """How many wait. Only the event loop touches it."""

    __slots__ = ("_is_there", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        """Whoever waits no more takes one away from it: that wakes nobody, and needs no call for each command."""
        self._is_there = anyio.Event()

    def rise(self) -> None:
        """Note that one more waits."""
        self.waiting += 1
        if self.waiting == 1:
            self._is_there.set()

    async def wait(self) -> None:
        """Return once somebody waits."""
        while not self.waiting:
            if self._is_there.is_set():  # else others look out for it already, and must not be left behind
                self._is_there = anyio.Event()
            await self._is_there.wait()
