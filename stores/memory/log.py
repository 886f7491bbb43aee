"""The command log in memory."""

from collections.abc import Sequence
from itertools import count

from anyio import Event
from anyio.lowlevel import checkpoint

from ..errors import Corruption, StoreClosed, UnknownPartition
from ..records import CommandRecord, LoggedCommand, Offset

__all__ = ["MemoryLog"]


class MemoryLog:
    """A `Log` of one partition that lasts as long as the object; it keeps what is not handled, and nothing else."""

    def __init__(self) -> None:
        self._commands: list[LoggedCommand] = []
        self._start: Offset = 0
        """The offset of the newest command that was deleted."""
        self._appended = Event()
        self._closed = False

    @property
    def partitions(self) -> int:
        return 1

    def end(self, partition: int = 0) -> Offset:
        self._check(partition)
        return self._start + len(self._commands)

    async def append(self, commands: Sequence[CommandRecord], partition: int = 0) -> Offset:
        self._check(partition)
        if not commands:
            raise ValueError("A batch holds at least one command.")
        await checkpoint()
        self._check(partition)
        first = self.end() + 1
        self._commands.extend(map(LoggedCommand, count(first), commands))
        self._wake()
        return first

    async def read(self, after: Offset, limit: int, partition: int = 0) -> Sequence[LoggedCommand]:
        self._check(partition)
        if after < self._start:
            what = f"the log starts at offset {self._start + 1}, past offset {after + 1}"
            raise Corruption("memory", None, what, "Read what lies past the commands that were handled.")
        start = after - self._start
        return self._commands[start : start + max(0, limit)]

    async def wait(self, after: Offset, partition: int = 0) -> None:
        self._check(partition)
        while self.end() <= after:
            await self._appended.wait()
            self._check(partition)

    async def retain(self, handled: Offset, partition: int = 0) -> None:
        self._check(partition)
        deleted = min(max(0, handled - self._start), len(self._commands))
        del self._commands[:deleted]
        self._start += deleted

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        appended, self._appended = self._appended, Event()
        appended.set()

    def _check(self, partition: int) -> None:
        if partition != 0:
            raise UnknownPartition(partition, 1)
        if self._closed:
            raise StoreClosed("The log")
