"""The embedded command log: one partition, in segment files in one folder.

An append is one write, one ``fdatasync`` and one hop to a thread. One batch is in flight: the next is written after
the sync of the one before returned, which is what lets recovery tell a torn tail from damage. `to_thread.run_sync`
shields what it runs: a caller cancelled before the hop has written nothing, and one cancelled later waits.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from anyio import CancelScope, CapacityLimiter, Event, Lock, to_thread

from ..errors import StoreClosed, UnknownPartition
from ..files import Files
from ..records import CommandRecord, LoggedCommand, Offset
from .frame import encode_body
from .recent import RecentCommands
from .recovery import RecoveryReport, recover
from .retention import Retention
from .writer import SegmentWriter

__all__ = ["SegmentLog"]

SEGMENT_BYTES = 64 << 20
RETAIN_BYTES = 1 << 30
RETAIN_SECONDS = 7 * 24 * 3600.0
RECENT_COMMANDS = 1_024
RECENT_BYTES = 16 << 20


class SegmentLog:
    """A `Log` in segment files; one process at a time may open it (see `lock`), and one event loop use it."""

    def __init__(
        self, writer: SegmentWriter, report: RecoveryReport, retention: Retention, threads: CapacityLimiter
    ) -> None:
        self.recovery = report
        """What opening the log found and did."""
        self._writer, self._retention, self._threads = writer, retention, threads
        self._recent = RecentCommands(report.end, RECENT_COMMANDS, RECENT_BYTES)
        self._one_batch = Lock(fast_acquire=True)
        self._appended = Event()
        self._closed = False

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        retain_bytes: int = RETAIN_BYTES,
        retain_age: float = RETAIN_SECONDS,
        files: Files | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "SegmentLog":
        """Recover the log in `folder`, or make a new one there. The caller holds the lock of the data folder.

        `retain_age` is in seconds, and `clock` returns seconds since the Unix epoch.

        Raises:
            Corruption: something that was durable is missing or damaged; the folder is left as it is.
            SchemaTooNew: a newer version of Twofold wrote it.
            StorageFailed, DiskFull: the folder could not be read, or what recovery writes not be written.
        """
        threads = CapacityLimiter(1)

        def open_files() -> tuple[SegmentWriter, RecoveryReport]:
            real = files or Files()
            recovered = recover(real, folder)
            return SegmentWriter(real, folder, recovered, segment_bytes, clock), recovered.report

        writer, report = await to_thread.run_sync(open_files, limiter=threads)
        return cls(writer, report, Retention(retain_bytes, retain_age), threads)

    @property
    def partitions(self) -> int:
        """One."""
        return 1

    def end(self, partition: int = 0) -> Offset:
        """Return the offset of the newest durable command, or 0 where there is none."""
        self._check(partition)
        return self._recent.end

    async def append(self, commands: Sequence[CommandRecord], partition: int = 0) -> Offset:
        """Append `commands` as one batch and return the offset of the first, once all of them are durable.

        A caller that is cancelled after the write began waits for it, and the commands are in the log.

        Raises:
            BatchTooLarge: nothing was appended; the call may be made again in parts.
            DiskFull: nothing was appended, and the call may be made again.
            StorageFailed: unknown whether anything was appended; the log takes no more.
        """
        self._check(partition)
        if not commands:
            raise ValueError("A batch holds at least one command.")
        body = encode_body(commands)
        async with self._one_batch:
            self._check(partition)
            first = await to_thread.run_sync(self._writer.append, body, len(commands), limiter=self._threads)
            self._recent.add(first, commands, len(body))
            self._wake()
        return first

    async def read(self, after: Offset, limit: int, partition: int = 0) -> Sequence[LoggedCommand]:
        """Return up to `limit` durable commands that follow offset `after`, in order, without gaps.

        It may return fewer than there are, but none only where there are none.

        Raises:
            Corruption: a batch is not what was written, or no longer there.
        """
        self._check(partition)
        if after >= self._recent.after:
            return self._recent.read(after, limit)
        return await to_thread.run_sync(self._writer.read, after, limit, limiter=self._threads)

    async def wait(self, after: Offset, partition: int = 0) -> None:
        """Return as soon as there is a durable command past offset `after`.

        Raises:
            StoreClosed: the log was closed.
        """
        self._check(partition)
        while self._recent.end <= after:
            await self._appended.wait()
            self._check(partition)

    async def retain(self, handled: Offset, partition: int = 0) -> None:
        """Delete the oldest segments that are handled and past the bytes and the age to be kept."""
        self._check(partition)
        await to_thread.run_sync(self._writer.retain, handled, self._retention, limiter=self._threads)

    async def close(self) -> None:
        """Wait for the batch in flight, seal the log and release its file. Closing twice does nothing."""
        with CancelScope(shield=True):
            async with self._one_batch:
                if self._closed:
                    return
                self._closed = True
                self._wake()
                await to_thread.run_sync(self._writer.close, limiter=self._threads)

    def _wake(self) -> None:
        appended, self._appended = self._appended, Event()
        appended.set()

    def _check(self, partition: int) -> None:
        if partition != 0:
            raise UnknownPartition(partition, 1)
        if self._closed:
            raise StoreClosed("The log")
