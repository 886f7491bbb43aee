"""One generation of the read database: a file that projections fill and queries read."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Self, TypeVar

import anyio

from ..errors import Locked
from ..protocols import ReadDb, Snapshot
from ..records import Position, ProjectionSchema, Statement
from .checks import quick_check
from .database import Database
from .migrations import READ_DB
from .projecting import Fingerprints, apply_statements, create_projections, recorded_projections
from .read_query import read_position
from .snapshots import Snapshots

__all__ = ["Generation"]

T = TypeVar("T")
Built = TypeVar("Built", bound="Generation")


class Generation:
    """Implements `ReadGeneration`, and the queries, on one file or in memory.

    It syncs at checkpoints only (``synchronous=NORMAL``): after a power cut it may stand at an earlier position, whole,
    and the projector goes on from there.
    """

    def __init__(self, database: Database, query_timeout: float) -> None:
        self.file = database.file
        self._database = database
        self._query_timeout = query_timeout
        self._snapshots = Snapshots()
        database.before_readers_rest(self._snapshots.leave)
        self._readings = 0
        """How many are under way."""
        self._is_retired = False
        self._closed = anyio.Event()

    @classmethod
    async def create(
        cls, file: Path, projections: Sequence[ProjectionSchema], *, readers: int, query_timeout: float
    ) -> Self:
        """Create `file` at position 0, with the tables of `projections`.

        Raises:
            StatementFailed: SQLite refused a schema.
            DiskFull, StorageFailed: the device has no room, or failed.
        """
        return await with_tables(await cls.open(file, readers=readers, query_timeout=query_timeout), projections)

    @classmethod
    async def open(cls, file: Path, *, readers: int, query_timeout: float) -> Self:
        """Open `file` to fill and to query it; raises as `Database.open` does."""
        return cls(await Database.open(file, READ_DB, "NORMAL", readers=readers), query_timeout)

    @classmethod
    async def open_read_only(cls, file: Path, *, readers: int, query_timeout: float) -> Self:
        """Open `file` to query it; `apply` raises `ReadOnly`. See `Database.open_read_only`."""
        return cls(await Database.open_read_only(file, READ_DB, readers=readers), query_timeout)

    @classmethod
    async def in_memory(cls, projections: Sequence[ProjectionSchema], *, query_timeout: float) -> Self:
        """Create a generation that lives in memory; raises as `create` does."""
        return await with_tables(cls(await Database.in_memory(READ_DB), query_timeout), projections)

    async def build(self, projections: Sequence[ProjectionSchema]) -> None:
        """Create the tables of `projections` in a new file, and record that they build it."""
        await self._database.write(partial(create_projections, file=self.file, projections=projections))

    async def projections(self) -> Fingerprints:
        """Return what tells the projections that built this generation from others."""
        return await self._read(recorded_projections)

    async def position(self) -> Position:
        return await self._counted(self._read(read_position))

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        work = partial(apply_statements, file=self.file, statements=statements, expected=expected, position=position)
        await self._database.write(work)

    async def query(self, ask: Callable[[ReadDb], Awaitable[object]]) -> Snapshot:
        work = partial(self._snapshots.ask, ask=ask, seconds=self._query_timeout, asked=monotonic())
        return await self._counted(self._database.read(work))

    async def quick_check(self) -> list[str]:
        """Return what SQLite finds wrong in the file, or nothing. It reads the whole file."""
        return await self._read(quick_check)

    async def checkpoint(self) -> None:
        """Bring all that was applied into the file itself, synced, so that no power cut takes anything back.

        Raises:
            Locked: some other program reads the file just now.
            DiskFull, StorageFailed: the device has no room, or failed.
        """
        await self._database.write(partial(checkpoint, file=self.file))

    async def retire(self) -> None:
        """Close as soon as no reading is under way: now, or with the last of them. None may begin any more."""
        self._is_retired = True
        if not self._readings:
            await self.close()

    async def until_closed(self) -> None:
        """Return once it is closed."""
        await self._closed.wait()

    async def close(self) -> None:
        await self._database.close()
        self._closed.set()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.read(partial(self._snapshots.outside, work=work))

    async def _counted(self, reading: Awaitable[T]) -> T:
        self._readings += 1
        try:
            return await reading
        finally:
            self._readings -= 1
            if self._is_retired and not self._readings:
                await self.close()


def checkpoint(connection: sqlite3.Connection, file: Path) -> None:
    """Write the whole write-ahead log into the file, sync it, and empty the log."""
    (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise Locked(file, None)


async def with_tables(generation: Built, projections: Sequence[ProjectionSchema]) -> Built:
    """Return the new `generation` with the tables of `projections`, or close it."""
    try:
        await generation.build(projections)
    except BaseException:
        await generation.close()
        raise
    return generation
