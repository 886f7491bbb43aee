"""Opening what lasts, in order, and closing it in the opposite one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from anyio import CancelScope

from ..actors.definitions import Domain
from ..stores.errors import Corruption
from ..stores.lock import FolderLock
from ..stores.protocols import EffectLedger, EventStore, Log, ReadStore
from ..stores.records import Offset
from ..stores.segments.log import SegmentLog
from ..stores.sqlite.effect_ledger import SqliteEffectLedger
from ..stores.sqlite.event_store import SqliteEventStore
from ..stores.sqlite.read_store import SqliteReadStore
from .config import Config
from .outbox import FolderOutbox, Outbox

__all__ = ["DataFolder", "OpenStores", "Stores", "check_handled", "open_folder"]


class DataFolder(NamedTuple):
    """The names of the files in a data folder."""

    root: Path

    @property
    def log(self) -> Path:
        """The segments of the command log."""
        return self.root / "log"

    @property
    def write_db(self) -> Path:
        """Events, states, outcomes, claims and the cursor."""
        return self.root / "write.db"

    @property
    def effects_db(self) -> Path:
        """The effect ledger."""
        return self.root / "effects.db"

    @property
    def outbox(self) -> Path:
        """Where e-mails and purges are laid by the transports that need no server."""
        return self.root / "outbox"

    @property
    def read(self) -> Path:
        """The generations of the read database, and the pointer to the one that serves."""
        return self.root / "read"


class Stores(NamedTuple):
    """All that lasts, open."""

    log: Log
    events: EventStore
    read: ReadStore
    effects: EffectLedger
    outbox: Outbox


OpenStores: TypeAlias = Callable[[Config, Domain], AbstractAsyncContextManager[Stores]]


@asynccontextmanager
async def open_folder(config: Config, domain: Domain) -> AsyncIterator[Stores]:
    """Take the data folder's lock, recover the log, open the databases, and check them against one another.

    Raises:
        FolderRefused: there can be no such folder, or this process may not write in it.
        Locked: another process has the folder.
        Corruption: something in it is damaged, or does not fit together.
        SchemaTooNew: a newer version of Twofold wrote it.
        DiskFull, StorageFailed: the device.
    """
    folder = DataFolder(config.data.dir)
    async with AsyncExitStack() as stack:
        lock = FolderLock(folder.root)
        stack.callback(lock.release)
        log = await SegmentLog.open(
            folder.log,
            segment_bytes=config.log.segment_bytes,
            retain_bytes=config.log.retain_bytes,
            retain_age=config.log.retain_age,
        )
        stack.push_async_callback(_shielded, log.close)
        events = await SqliteEventStore.open(folder.write_db)
        stack.push_async_callback(_shielded, events.close)
        read = await SqliteReadStore.open(
            folder.read, domain.projections, readers=config.queries.readers, query_timeout=config.queries.timeout
        )
        stack.push_async_callback(_shielded, read.close)
        effects = await SqliteEffectLedger.open(folder.effects_db)
        stack.push_async_callback(_shielded, effects.close)
        stores = Stores(log, events, read, effects, FolderOutbox(folder.outbox))
        await _check_together(folder, stores)
        yield stores


async def _shielded(close: Callable[[], Awaitable[None]]) -> None:
    with CancelScope(shield=True):
        await close()


async def _check_together(folder: DataFolder, stores: Stores) -> None:
    check_handled(folder, await stores.events.cursor(), stores.log.end())
    position, head = await stores.read.position(), (await stores.events.head()).position
    for consumer in (await stores.effects.consumers()).values():
        if consumer.cursor > head:
            raise Corruption(
                folder.effects_db,
                None,
                f"the consumer {consumer.name} is at position {consumer.cursor}, but the events end at {head}",
                "Part of the history is gone: restore write.db and effects.db from one backup.",
            )
    if position > head:
        raise Corruption(
            folder.read,
            None,
            f"the read database is at position {position}, but the events end at {head}",
            f"If write.db was restored on purpose, delete {folder.read}: it is filled again from the events.",
        )


def check_handled(folder: DataFolder, cursor: Offset, end: Offset) -> None:
    """Check that the log, which ends at offset `end`, holds all that the handler's cursor says is handled.

    Raises:
        Corruption: it does not.
    """
    if cursor > end:
        raise Corruption(
            folder.log,
            None,
            f"the log ends at offset {end}, but the write database has handled offset {cursor}",
            "Part of the log is gone: restore the log and the databases from one backup.",
        )
