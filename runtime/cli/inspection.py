"""Looking into a data folder read-only, beside a running process or without one."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec
from anyio import CancelScope
from msgspec import Struct

from ...actors.definitions import Domain
from ...actors.domain import Answer, moment
from ...stores.errors import Corruption, TwofoldError
from ...stores.lock import lock_holder
from ...stores.records import Offset, Position, StreamId, Version
from ...stores.segments.audit import end, scan
from ...stores.sqlite.event_store import SqliteEventStore
from ...stores.sqlite.migrations import READ_DB, WRITE_DB
from ...stores.sqlite.read_store import SqliteReadStore
from ..config import Config
from ..history import RecordedEvent, StreamState, history_of, state_of
from ..queries import ask
from ..stores import DataFolder

__all__ = [
    "DumpedCommand",
    "check_there",
    "dump_log",
    "how_to_catch_up",
    "open_events",
    "open_read",
    "put_query",
    "read_history",
    "read_state",
]


class NoData(TwofoldError):
    """The data folder holds nothing yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"There is no data in {folder} yet. Send a command first, or name the folder with --data.")


def check_there(folder: DataFolder) -> None:
    """Check that `folder` holds the write database, which is made before a command is handled or projected.

    Raises:
        NoData: there is nothing yet.
        Corruption: the write database is gone, or what else is left is damaged.
    """
    if folder.write_db.exists():
        return
    if not folder.read.exists() and not end(folder.log):
        raise NoData(folder.root)
    raise Corruption(folder.write_db, None, "the write database is missing", WRITE_DB.way_out)


class DumpedCommand(Struct, frozen=True):
    """A command in the log, and where it stands."""

    offset: Offset
    time: datetime
    id: str
    type: str
    stream: StreamId
    data: msgspec.Raw
    principal: str | None
    correlation_id: str | None
    expected_version: Version | None
    file: str
    byte: int
    batch: int

    def line(self) -> str:
        """Return it as a person reads it."""
        return (
            f"{self.offset:>8}  {self.time:%Y-%m-%d %H:%M:%S.%f}Z  {self.type}  {self.stream}  id {self.id}  "
            f"batch {self.batch} in {self.file} at {self.byte}\n          {bytes(self.data).decode()}"
        )


@asynccontextmanager
async def open_events(config: Config) -> AsyncIterator[SqliteEventStore]:
    """Open the write database read-only.

    Raises:
        NoData: there is none yet.
        Corruption: it is damaged or gone.
    """
    folder = DataFolder(config.data.dir)
    check_there(folder)
    store = await SqliteEventStore.open_read_only(folder.write_db)
    try:
        yield store
    finally:
        with CancelScope(shield=True):
            await store.close()


@asynccontextmanager
async def open_read(config: Config) -> AsyncIterator[SqliteReadStore]:
    """Open the serving generation of the read database read-only.

    Raises:
        NoData: there is none yet.
        Corruption: it is damaged or gone.
    """
    folder = DataFolder(config.data.dir)
    check_there(folder)
    if not folder.read.exists():
        raise Corruption(folder.read, None, "the read database is missing", READ_DB.way_out)
    store = await SqliteReadStore.open_read_only(folder.read, query_timeout=config.queries.timeout)
    try:
        yield store
    finally:
        with CancelScope(shield=True):
            await store.close()


async def put_query(
    domain: Domain, config: Config, name: str, parameters: Mapping[str, str]
) -> tuple[Answer, Position]:
    """Return the answer to a query, and the position at which the events end."""
    async with open_read(config) as read, open_events(config) as events:
        answer = await ask(domain, read, name, parameters, strict=False)
        return answer, (await events.head()).position


def how_to_catch_up(config: Config) -> str:
    """Return how a read database that is behind comes to show the rest, as the end of a sentence."""
    holder = lock_holder(config.data.dir)
    if holder is not None:
        return f"process {holder}, which runs it, is behind, or its projector is halted"
    return "twofold send /dev/null --settle does it, or says why not"


async def read_history(domain: Domain, config: Config, stream: StreamId) -> list[RecordedEvent]:
    """Return all events of `stream`."""
    async with open_events(config) as events:
        return await history_of(domain, events, stream)


async def read_state(
    domain: Domain, config: Config, stream: StreamId, version: Version | None, at: datetime | None
) -> StreamState:
    """Return the state of `stream`, the newest or an earlier one."""
    async with open_events(config) as events:
        return await state_of(domain, events, stream, version=version, at=at)


def dump_log(config: Config, after: Offset, limit: int | None) -> Iterator[DumpedCommand]:
    """Yield the commands of the log past offset `after`.

    Raises:
        NoData: there is no log yet.
        Corruption: at the first fault.
    """
    folder = DataFolder(config.data.dir).log
    if not folder.exists():
        raise NoData(config.data.dir)
    return islice(_dumped(folder, after), limit)


def _dumped(folder: Path, after: Offset) -> Iterator[DumpedCommand]:
    for batch in scan(folder):
        for offset, command in enumerate(batch.commands, batch.first):
            if offset > after:
                yield DumpedCommand(
                    offset,
                    moment(command.time),
                    command.command_id,
                    command.type,
                    command.stream,
                    msgspec.Raw(command.data),
                    command.principal,
                    command.correlation_id,
                    command.expected_version,
                    batch.file.name,
                    batch.position,
                    batch.sequence,
                )
