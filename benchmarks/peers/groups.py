"""Groups without timers: what waits is written as one group, while what comes meanwhile gathers for the next."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

__all__ = ["Groups"]

T = TypeVar("T")


class Groups(Generic[T]):
    """Writes groups of at most `most`, one after the other; `write` is to make a whole group durable or raise."""

    def __init__(self, write: Callable[[list[T]], Awaitable[None]], most: int = 1_000) -> None:
        self._write, self._most = write, most
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    async def submit(self, item: T) -> bool:
        """Wait until `item` is written; each item of a group changes something, since the group keeps their order."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        self._arrived.set()
        await written
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Groups[T]"]:
        """Write groups until the block ends; a group that fails ends the measurement."""
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._run())
            yield self
            writer.cancel()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if not self._waiting:
                self._arrived.clear()
            await self._write([item for item, _ in group])
            for _, written in group:
                written.set_result(None)
