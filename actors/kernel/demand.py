"""Whether anybody waits for something to be done, so that whoever does it knows whether to make haste."""

import anyio

__all__ = ["Demand"]


class Demand:
    """How many wait. Only the event loop touches it."""

    __slots__ = ("_called", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        """Lowered as it is where a call for each command would count, and else by `fall`."""
        self._called = anyio.Event()

    def rise(self) -> None:
        """Note that one more waits."""
        self.waiting += 1
        if self.waiting == 1:
            self._called.set()

    def fall(self) -> None:
        """Note that one of them waits no more."""
        self.waiting -= 1

    def hasten(self) -> None:
        """Call whoever rests just now, though nobody waits."""
        self._called.set()

    async def wait(self) -> None:
        """Return once somebody waits, or calls for haste."""
        if not self.waiting:
            if self._called.is_set():  # else others look out for it already, and must not be left behind
                self._called = anyio.Event()
            await self._called.wait()
