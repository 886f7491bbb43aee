"""The newest commands of the log, kept in memory so that a reader that keeps up reads no disk.

They are few, since what is let go while it is still in the processor's cache costs a fraction of what it costs later.
"""

from collections import deque
from collections.abc import Sequence
from itertools import count

from ..records import CommandRecord, LoggedCommand, Offset

__all__ = ["RecentCommands"]


class RecentCommands:
    """A run of commands up to the durable end, bounded by their number and by their bytes in the log.

    The newest batch is kept whole, whatever its number; past the bytes nothing is.
    """

    def __init__(self, end: Offset, max_count: int, max_bytes: int) -> None:
        self.after = self.end = end
        """Commands past `after`, up to and with `end`, are here."""
        self._max_count, self._max_bytes = max_count, max_bytes
        self._commands: list[LoggedCommand] = []
        self._batches: deque[tuple[int, int]] = deque()
        """The number of commands and the bytes of each batch that is here, oldest first."""
        self._bytes = 0

    def add(self, first: Offset, commands: Sequence[CommandRecord], size: int) -> None:
        """Add a durable batch of `size` bytes; the oldest batches go until the bounds hold.

        Where a batch is missing in between, as when asyncio killed the task that appended it, all before it go.
        """
        if first != self.end + 1:
            self._commands, self._batches, self._bytes = [], deque(), 0
            self.after = self.end = first - 1
        self._commands.extend(map(LoggedCommand, count(first), commands))
        self._batches.append((len(commands), size))
        self._bytes += size
        self.end += len(commands)
        dropped = 0
        while self._bytes > self._max_bytes or (
            len(self._batches) > 1 and self.end - self.after - dropped > self._max_count
        ):
            length, size = self._batches.popleft()
            dropped += length
            self._bytes -= size
        del self._commands[:dropped]
        self.after += dropped

    def read(self, after: Offset, limit: int) -> list[LoggedCommand]:
        """Return up to `limit` commands past offset `after`, which is not before `self.after`."""
        start = after - self.after
        return self._commands[start : start + max(0, limit)]
