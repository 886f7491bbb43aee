"""A database as the stores use it: one connection that writes, a few that read beside it, and one end for all."""

import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from anyio import CancelScope

from ..errors import Corruption, ReadOnly, StorageFailed, StoreClosed, StoreError
from .faults import is_damage, storage_error
from .migrations import Schema
from .opening import MEMORY, open_memory, open_reader, open_writer
from .settings import Synchronous
from .workers import Workers

__all__ = ["Database"]

T = TypeVar("T")

COPY_FIRST = "Copy the data folder before anything else; `twofold verify` shows the extent."


class Database:
    """One writing connection and a pool of reading ones, each on a thread of its own.

    Work is a function of a `sqlite3.Connection`. It runs whole, in one hop to a thread; a cancelled caller waits for
    its end. Readers never wait for the writer, and see all that was committed before they were asked. Once the device
    has failed, or damage was met, every call raises that same error.
    """

    def __init__(
        self, file: Path, schema: Schema, writer: Workers | None, readers: Workers, opened: AsyncExitStack
    ) -> None:
        self.file = file
        self._schema = schema
        self._writer = writer
        self._readers = readers
        self._opened = opened
        """Closes the readers before the writer."""
        self._failure: StorageFailed | Corruption | None = None
        self._is_closed = False

    @classmethod
    async def open(cls, file: Path, schema: Schema, synchronous: Synchronous, *, readers: int) -> "Database":
        """Open `file` to write and read, and create it where it is missing.

        No other connection of this process may have the file open.

        Raises:
            Corruption: it is damaged, or no database of this kind.
            SchemaTooNew: a newer version of Twofold wrote it.
            Locked: another process is writing to it.
            DiskFull, StorageFailed: the device has no room, or failed.
        """
        async with AsyncExitStack() as stack:
            writer = await open_writer(file, schema, synchronous)
            stack.push_async_callback(writer.close)
            return cls(
                file, schema, Workers([writer]), await open_readers(file, schema, readers, stack), stack.pop_all()
            )

    @classmethod
    async def open_read_only(cls, file: Path, schema: Schema, *, readers: int) -> "Database":
        """Open `file`, which must exist, to read only; `write` is refused.

        It shows all that was committed: beside a running process, after a clean end, and after a kill that left a
        ``-wal`` behind. The folder must be writable even so, for SQLite makes a missing ``-shm`` there; and both files
        stay behind when this is closed last, for it does not checkpoint.

        Raises:
            Corruption, SchemaTooNew, StorageFailed: as `open`.
        """
        async with AsyncExitStack() as stack:
            return cls(file, schema, None, await open_readers(file, schema, readers, stack), stack.pop_all())

    @classmethod
    async def in_memory(cls, schema: Schema) -> "Database":
        """Open a new database in memory; its one connection reads as well."""
        async with AsyncExitStack() as stack:
            connection = await open_memory(schema)
            stack.push_async_callback(connection.close)
            workers = Workers([connection])
            return cls(MEMORY, schema, workers, workers, stack.pop_all())

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the connection that writes.

        Raises:
            ReadOnly: the database was opened to read.
            DiskFull, Locked, StorageFailed: what an error of SQLite says about the file.
            Corruption: it is damaged, and what it keeps is kept nowhere else.
            Exception: what else `work` raises.
        """
        if self._writer is None:
            raise ReadOnly(self.file)
        self._refuse_once_over()
        return await self._writer.run(partial(self._guarded, work))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a connection that reads; raises as `write` does."""
        self._refuse_once_over()
        return await self._readers.run(partial(self._guarded, self._reading(work)))

    def before_readers_rest(self, do: Callable[[sqlite3.Connection], None]) -> None:
        """Have `do` end what works have left open on a connection that reads: before it rests, or is written on."""
        self._readers.before_rest = do

    async def close(self) -> None:
        """Finish what is under way, and close the readers before the writer. Closing twice does nothing."""
        self._is_closed = True
        with CancelScope(shield=True):
            await self._opened.aclose()

    def _refuse_once_over(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_closed:
            raise StoreClosed(str(self.file))

    def _reading(self, work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
        return partial(without_writing, work, self._readers.before_rest) if self.file is MEMORY else work

    def _guarded(self, work: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
        """Run `work` on the thread; a failure is noted here, where no cancellation can hide it."""
        if self._failure is not None:
            raise self._failure
        try:
            return work(connection)
        except (StorageFailed, sqlite3.Error, UnicodeDecodeError, msgspec.DecodeError) as error:
            fault = self._fault(error)
            if isinstance(fault, StorageFailed | Corruption):
                self._failure = fault
            if fault is None or fault is error:
                raise
            raise fault from error

    def _fault(self, error: Exception) -> StoreError | None:
        """Return what `error` says about the file, or ``None`` where it says nothing about it."""
        found = error.__cause__ if isinstance(error, StorageFailed) else error
        if not self._schema.is_derived and is_damage(found):
            return Corruption(self.file, None, f"it is damaged: {found}", f"{COPY_FIRST} {self._schema.way_out}")
        return error if isinstance(error, StorageFailed) else storage_error(error, self.file, "access")


async def open_readers(file: Path, schema: Schema, count: int, stack: AsyncExitStack) -> Workers:
    """Open `count` reading connections, which `stack` closes."""
    readers = []
    for _ in range(count):
        reader = await open_reader(file, schema)
        stack.push_async_callback(reader.close)
        readers.append(reader)
    return Workers(readers)


def without_writing(
    work: Callable[[sqlite3.Connection], T], end: Callable[[sqlite3.Connection], None], connection: sqlite3.Connection
) -> T:
    """Run `work` on a connection that otherwise writes, as if it only read, and then `end`."""
    connection.execute("PRAGMA query_only = 1")
    try:
        return work(connection)
    finally:
        try:
            end(connection)
        finally:
            connection.execute("PRAGMA query_only = 0")
