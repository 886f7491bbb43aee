"""How far a data folder has come: what `twofold status` shows, read beside a running process or without one."""

from collections.abc import Iterator, Mapping, Sequence

from anyio import CancelScope
from msgspec import Struct

from ..stores.effect_records import EffectState
from ..stores.lock import lock_holder
from ..stores.records import Offset, Position
from ..stores.segments.audit import end
from ..stores.sqlite.effect_ledger import SqliteEffectLedger
from .config import Config
from .inspection import open_events, open_read
from .stores import DataFolder, check_handled

__all__ = ["ConsumerStatus", "Status", "read_status"]


class ConsumerStatus(Struct, frozen=True):
    """How a consumer of effects stands."""

    name: str
    cursor: Position
    paused: str | None
    """Why nothing of it is sent until an operator resumes it."""
    effects: Mapping[EffectState, int]
    """How many effects are in each state."""


class Status(Struct, frozen=True):
    """How far a data folder has come."""

    folder: str
    held_by: int | None
    """The process that has it open."""
    log_end: Offset
    log_bytes: int
    handled: Offset
    head: Position
    projected: Position
    write_db_bytes: int
    read_db_bytes: int
    consumers: Sequence[ConsumerStatus]
    is_filled: bool = True
    """Whether the read database was ever filled to the end of the events; until then no query is answered."""

    def lines(self) -> Iterator[str]:
        """Return it as a person reads it."""
        yield f"{self.folder}: " + (f"open in process {self.held_by}" if self.held_by else "not open in any process")
        yield f"  log        ends at offset {self.log_end} ({_size(self.log_bytes)})"
        yield f"  handled    up to offset {self.handled}, {self.log_end - self.handled} behind"
        yield f"  events     end at position {self.head} ({_size(self.write_db_bytes)})"
        behind = self.head - self.projected
        yield f"  read DB    at position {self.projected}, {behind} behind ({_size(self.read_db_bytes)})"
        if not self.is_filled:
            yield "             it is being filled anew, and answers no query before it is"
        if behind and not self.held_by:
            yield "             run `twofold send /dev/null --settle` to see why"
        for consumer in self.consumers:
            counts = ", ".join(f"{count} {state}" for state, count in consumer.effects.items() if count)
            yield f"  consumer   {consumer.name} at position {consumer.cursor}, {self.head - consumer.cursor} behind"
            yield f"             {counts or 'no effects'}"
            if consumer.paused is not None:
                yield f"             paused: {consumer.paused}; mend it, then: twofold effects resume {consumer.name}"


async def read_status(config: Config) -> Status:
    """Return how far everything in the data folder has come, read from the back to the front of the pipeline.

    Raises:
        NoData: there is none yet.
        Corruption: the end of the log is damaged, or something is missing.
    """
    folder = DataFolder(config.data.dir)
    async with open_read(config) as read, open_events(config) as events:
        projected = await read.position()
        is_filled = read.is_filled
        head = await events.head()
        handled = await events.cursor()
        read_file = read.file
    consumers = await _consumers(folder)
    return Status(
        str(folder.root),
        lock_holder(folder.root),
        _log_end(folder, handled),
        sum(file.stat().st_size for file in folder.log.glob("*")),
        handled,
        head.position,
        projected,
        folder.write_db.stat().st_size,
        read_file.stat().st_size,
        consumers,
        is_filled,
    )


async def _consumers(folder: DataFolder) -> list[ConsumerStatus]:
    if not folder.effects_db.exists():
        return []
    ledger = await SqliteEffectLedger.open_read_only(folder.effects_db)
    try:
        consumers, counts = await ledger.consumers(), await ledger.counts()
    finally:
        with CancelScope(shield=True):
            await ledger.close()
    return [
        ConsumerStatus(each.name, each.cursor, each.paused, counts.get(each.name, {})) for each in consumers.values()
    ]


def _log_end(folder: DataFolder, handled: Offset) -> Offset:
    newest = end(folder.log)
    check_handled(folder, handled, newest)
    return newest


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
