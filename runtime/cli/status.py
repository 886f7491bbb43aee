"""How far a data folder has come: what `twofold status` shows, read beside a running process or without one."""

from collections.abc import Iterator, Mapping, Sequence

from anyio import CancelScope
from msgspec import Struct

from ...actors.kernel.clock import SystemClock
from ...stores.effect_records import ConsumerRecord, EffectState
from ...stores.lock import holder_address, lock_holder
from ...stores.records import Offset, Position
from ...stores.segments.audit import end
from ...stores.sqlite.effect_ledger import SqliteEffectLedger
from ..config import Config
from ..stores import DataFolder, check_handled
from ..wording import told_due
from .inspection import open_events, open_read

__all__ = ["ConsumerStatus", "Status", "read_status"]


class ConsumerStatus(Struct, frozen=True):
    """How a consumer of effects stands."""

    name: str
    cursor: Position
    paused: str | None
    """Why nothing of it is sent until an operator resumes it."""
    effects: Mapping[EffectState, int]
    """How many effects are in each state."""
    next_attempt: int | None = None
    """When the first of those to be tried again is due, or the first of all where the consumer is slowed down: by the
    wall clock in microseconds, as its process reckoned."""
    held_until: int | None = None
    """Until when the other side has slowed the whole consumer down."""


class Status(Struct, frozen=True):
    """How far a data folder has come."""

    folder: str
    held_by: int | None
    """The process that has it open."""
    address: str | None
    """Where that process takes requests, if it does."""
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
    now: int = 0
    """When this was read, by the wall clock in microseconds."""

    def lines(self) -> Iterator[str]:
        """Return it as a person reads it."""
        where = f", which takes requests at {self.address}" if self.address else ""
        holder = f"open in process {self.held_by}{where}" if self.held_by else "not open in any process"
        yield f"{self.folder}: {holder}"
        yield f"  log        ends at offset {self.log_end} ({_size(self.log_bytes)})"
        yield f"  handled    up to offset {self.handled}, {self.log_end - self.handled} behind"
        yield f"  events     end at position {self.head} ({_size(self.write_db_bytes)})"
        behind = self.head - self.projected
        yield f"  read DB    at position {self.projected}, {behind} behind ({_size(self.read_db_bytes)})"
        if not self.is_filled:
            yield "             it is being filled anew, and answers no query before it is"
        if behind and not self.held_by:
            yield "             run `twofold send /dev/null --settle` to see why"
        elif behind and self.address:
            yield f"             if it comes no nearer: curl {self.address}/readyz tells why"
        resume = "twofold effects resume" + (f" --url {self.address}" if self.address else "")
        for consumer in self.consumers:
            counts = ", ".join(f"{count} {state}" for state, count in consumer.effects.items() if count)
            yield f"  consumer   {consumer.name} at position {consumer.cursor}, {self.head - consumer.cursor} behind"
            yield f"             {counts or 'no effects'}"
            if consumer.paused is not None:
                yield f"             paused: {consumer.paused}; mend it, then: {resume} {consumer.name}"
            if consumer.held_until is not None:
                yield "             slowed down by the other side"
            if consumer.next_attempt is not None:
                yield f"             next attempt {told_due(consumer.next_attempt, self.now)}"


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
    now = SystemClock().now()
    consumers = await _consumers(folder, now)
    holder = lock_holder(folder.root)
    return Status(
        str(folder.root),
        holder,
        None if holder is None else holder_address(folder.root),
        _log_end(folder, handled),
        sum(file.stat().st_size for file in folder.log.glob("*")),
        handled,
        head.position,
        projected,
        folder.write_db.stat().st_size,
        read_file.stat().st_size,
        consumers,
        is_filled,
        now,
    )


async def _consumers(folder: DataFolder, now: int) -> list[ConsumerStatus]:
    if not folder.effects_db.exists():
        return []
    ledger = await SqliteEffectLedger.open_read_only(folder.effects_db)
    try:
        consumers, counts = await ledger.consumers(), await ledger.counts()
        dues = await ledger.next_attempts()
    finally:
        with CancelScope(shield=True):
            await ledger.close()
    return [_consumer(each, counts.get(each.name, {}), dues.get(each.name), now) for each in consumers.values()]


def _consumer(
    consumer: ConsumerRecord, effects: Mapping[EffectState, int], due: int | None, now: int
) -> ConsumerStatus:
    waits = effects.get("pending", 0) + effects.get("retry", 0) > 0
    held = consumer.held_until if waits and (consumer.held_until or 0) > now else None
    if held is not None:
        due = held if effects.get("pending") else max(held, due or 0)
    return ConsumerStatus(
        consumer.name, consumer.cursor, consumer.paused, effects, None if consumer.paused is not None else due, held
    )


def _log_end(folder: DataFolder, handled: Offset) -> Offset:
    newest = end(folder.log)
    check_handled(folder, handled, newest)
    return newest


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
