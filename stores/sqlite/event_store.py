"""The write database on SQLite."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from ..records import Commit, EventRecord, Head, Offset, Outcome, Position, StateRecord, StreamId, Version
from .commits import write_commit
from .database import Database
from .event_rows import (
    claim_holder,
    cursor_value,
    events_after,
    events_of_stream,
    existing_outcomes,
    existing_states,
    newest_head,
)
from .migrations import WRITE_DB
from .registrations import register, registered_consumers

__all__ = ["SqliteEventStore"]

READERS = 3
"""One for the lookups that the command handler waits for, and two for those who read many events."""


class SqliteEventStore:
    """Implements `EventStore`.

    A commit is durable when it returns: ``synchronous=FULL`` syncs the write-ahead log. Reads see all that was
    committed before they began, and wait for no commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, file: Path) -> "SqliteEventStore":
        """Open `file`, and create it where it is missing; raises as `Database.open` does."""
        return cls(await Database.open(file, WRITE_DB, "FULL", readers=READERS))

    @classmethod
    async def open_read_only(cls, file: Path) -> "SqliteEventStore":
        """Open `file` beside a running process or without one; `commit` raises `ReadOnly`.

        What it shows and leaves behind is told at `Database.open_read_only`.
        """
        return cls(await Database.open_read_only(file, WRITE_DB, readers=1))

    async def head(self) -> Head:
        return await self._database.read(newest_head)

    async def cursor(self, partition: int = 0) -> Offset:
        return await self._database.read(partial(cursor_value, partition=partition))

    async def commit(self, commit: Commit) -> None:
        """Write all of `commit` durably in one transaction, or nothing; raises as `EventStore.commit` does.

        Raises besides:
            Locked: another process holds the database for longer than ``busy_timeout``; nothing was written.
        """
        await self._database.write(partial(write_commit, file=self._database.file, commit=commit))

    async def states(self, streams: Collection[StreamId]) -> dict[StreamId, StateRecord]:
        return await self._database.read(partial(existing_states, streams=streams))

    async def outcomes(self, command_ids: Collection[str]) -> dict[str, Outcome]:
        return await self._database.read(partial(existing_outcomes, command_ids=command_ids))

    async def claim_holder(self, name: str, value: str) -> StreamId | None:
        return await self._database.read(partial(claim_holder, name=name, value=value))

    async def read(self, after: Position, limit: int) -> Sequence[EventRecord]:
        return await self._database.read(partial(events_after, after=after, limit=limit))

    async def read_stream(
        self, stream: StreamId, after: Version = 0, limit: int | None = None
    ) -> Sequence[EventRecord]:
        return await self._database.read(partial(events_of_stream, stream=stream, after=after, limit=limit))

    async def consumers(self) -> dict[str, Position]:
        return await self._database.read(registered_consumers)

    async def register_consumer(self, name: str, start: Position) -> None:
        await self._database.write(partial(register, file=self._database.file, name=name, start=start))

    async def close(self) -> None:
        await self._database.close()
