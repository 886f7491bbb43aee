"""The seams of the stores: what the actors ask of a log, an event store and a read store, in the domain's verbs.

An adapter for another technology implements one of these and passes its suite in ``tests/contracts``. All methods are
called on the event loop. I/O happens on threads of the adapter's own and is shielded: a cancelled caller waits until
the write, sync or commit that it began has ended, and then is cancelled.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from .effect_records import Conclusion, ConsumerRecord, Effect, EffectRecord, EffectState
from .records import (
    CommandRecord,
    Commit,
    EventRecord,
    Head,
    LoggedCommand,
    Offset,
    Outcome,
    Position,
    Statement,
    StateRecord,
    StreamId,
    Version,
)

__all__ = ["EffectLedger", "EventStore", "Log", "ReadDb", "ReadGeneration", "ReadStore", "Snapshot", "SqlValue"]

T = TypeVar("T")
SqlValue = str | int | float | bytes | None


class Log(Protocol):
    """The command log: an ordered, durable sequence of commands in each of its partitions."""

    @property
    def partitions(self) -> int:
        """How many partitions there are; they are numbered from 0. The embedded log has one."""

    def end(self, partition: int = 0) -> Offset:
        """Return the offset of the newest durable command, or 0 where there is none. Never waits."""

    async def append(self, commands: Sequence[CommandRecord], partition: int = 0) -> Offset:
        """Append `commands` as one batch and return the offset of the first, once all of them are durable.

        One batch is in flight at a time; a second call waits for the first. The command's stream is its key.

        Raises:
            DiskFull: nothing was appended, and the call may be made again.
            StorageFailed: unknown whether anything was appended; the log takes no more.
        """

    async def read(self, after: Offset, limit: int, partition: int = 0) -> Sequence[LoggedCommand]:
        """Return up to `limit` durable commands that follow offset `after`, in order, without gaps."""

    async def wait(self, after: Offset, partition: int = 0) -> None:
        """Return as soon as there is a durable command past offset `after`."""

    async def retain(self, handled: Offset, partition: int = 0) -> None:
        """Delete what the retention no longer asks for, and nothing that lies past offset `handled`."""

    async def close(self) -> None:
        """Finish what is under way and release the files. Closing twice does nothing."""


class EventStore(Protocol):
    """The write database: events, current states, outcomes, claims and the handler's cursor."""

    async def head(self) -> Head:
        """Return where the history ends."""

    async def cursor(self, partition: int = 0) -> Offset:
        """Return the offset of the newest handled command of `partition`, or 0."""

    async def commit(self, commit: Commit) -> None:
        """Write all of `commit` durably in one transaction, or nothing.

        Raises:
            WrongCursor, WrongHead: another writer was here.
            DuplicateCommand: a command of it has an outcome already.
            ClaimTaken: another stream holds a value that it takes.
            CommitRefused: a value in it cannot be stored.
            DiskFull: it may be tried again.
            StorageFailed: unknown whether it was kept; the store takes no more.
        """

    async def states(self, streams: Collection[StreamId]) -> dict[StreamId, StateRecord]:
        """Return the newest committed state of each of `streams` that has one."""

    async def outcomes(self, command_ids: Collection[str]) -> dict[str, Outcome]:
        """Return the outcome of each of `command_ids` that has one."""

    async def claim_holder(self, name: str, value: str) -> StreamId | None:
        """Return the stream that holds the unique `value`, if one does."""

    async def read(self, after: Position, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events that follow position `after`, in order, without gaps."""

    async def read_stream(
        self, stream: StreamId, after: Version = 0, limit: int | None = None
    ) -> Sequence[EventRecord]:
        """Return the events of `stream` that follow version `after`, in order."""

    async def consumers(self) -> dict[str, Position]:
        """Return the registered consumers of effects, each with the position that it started behind."""

    async def register_consumer(self, name: str, start: Position) -> None:
        """Register a consumer of effects, durably; one that is registered already stays as it is."""

    async def close(self) -> None:
        """Finish what is under way and release the files. Closing twice does nothing."""


class ReadDb(Protocol):
    """What a query sees of the read database: one consistent snapshot, and nothing to write with.

    Columns are `Any`, as in Python's own database interface: only the SELECT knows their types.
    """

    async def rows(self, sql: str, *parameters: SqlValue) -> list[tuple[Any, ...]]:
        """Return all rows of a SELECT."""

    async def row(self, sql: str, *parameters: SqlValue) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT, or ``None``."""

    async def value(self, sql: str, *parameters: SqlValue) -> Any:
        """Return the first column of the first row of a SELECT, or ``None``."""


class Snapshot(NamedTuple):
    """What a query returned, and the position of the read database that it saw."""

    value: object
    position: Position


class ReadGeneration(Protocol):
    """One filling of the read database: what projections made of the events up to its position."""

    async def position(self) -> Position:
        """Return the position of the newest event that was applied, or 0."""

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        """Run `statements` and move the cursor from `expected` to `position`, in one transaction.

        Raises:
            StatementFailed: a statement was refused; nothing was kept.
            WrongCursor: another writer was here.
            DiskFull: it may be tried again.
            StorageFailed: the store takes no more.
        """


class ReadStore(ReadGeneration, Protocol):
    """The read database: the generation that serves, which queries read, and a way to let another one serve.

    One other generation at a time is open beside the one that serves.
    """

    @property
    def is_filled(self) -> bool:
        """Whether the generation that serves was ever filled to the end of the events; it outlasts a restart."""

    async def mark_filled(self) -> None:
        """Note, durably, that the generation that serves was filled to the end of the events."""

    def new_generation(self) -> AbstractAsyncContextManager[ReadGeneration]:
        """Open a new generation, at position 0, for as long as the block lasts. Unless it then serves, it is gone."""

    def previous_generation(self) -> AbstractAsyncContextManager[ReadGeneration]:
        """Open the generation that served before, at its position, for as long as the block lasts.

        Raises:
            NoPreviousGeneration: none is kept, it was built by other projections, or it is damaged.
        """

    async def serve(self, generation: ReadGeneration) -> None:
        """Let `generation`, opened by one of the two above, serve from now on, durably; the other one is kept.

        A query that runs goes on where it began. The caller sees to it that nothing is applied meanwhile.

        Raises:
            GenerationBehind: it is not as far as the one that serves.
        """

    async def query(self, ask: Callable[[ReadDb], Awaitable[object]]) -> Snapshot:
        """Run `ask` on one read-only snapshot, whole, in one hop to a database thread.

        `ask` may await its `ReadDb` only: it is driven on that thread, where no event loop runs.
        The errors call it by its qualified name.

        Raises:
            QueryTimeout: it took too long.
            StatementFailed: SQLite refused a statement of it.
        """

    async def close(self) -> None:
        """Finish what is under way and release the files. Closing twice does nothing."""


class EffectLedger(Protocol):
    """What must be done outside for each event, durably, and how that stands.

    Each method that changes something is one transaction, and raises as `EventStore.commit` does: DiskFull,
    StorageFailed.
    """

    async def consumers(self) -> dict[str, ConsumerRecord]:
        """Return all consumers that have a cursor here, by name."""

    async def open_consumer(self, name: str, start: Position) -> ConsumerRecord:
        """Return the consumer, made with its cursor at `start` where there is none of that name."""

    async def record(self, consumer: str, effects: Sequence[Effect], *, expected: Position, position: Position) -> None:
        """Enter `effects` and move the consumer's cursor from `expected` to `position`, in one transaction.

        Raises:
            WrongCursor: the cursor is elsewhere; nothing was entered.
        """

    async def unfinished(self, consumer: str, after: tuple[Position, int], limit: int) -> Sequence[EffectRecord]:
        """Return up to `limit` effects that are neither done nor discarded, behind `after`, by position and ordinal."""

    async def payloads(self, effect_ids: Collection[str]) -> dict[str, EffectRecord]:
        """Return the effects of those ids."""

    async def begin(self, effect_ids: Collection[str], now: int) -> None:
        """Record that an attempt at each of these effects begins: the state becomes `sending`, attempts rise by one."""

    async def conclude(self, conclusions: Sequence[Conclusion], now: int) -> None:
        """Record how attempts ended, and count those that failed by their effects."""

    async def pause(self, consumer: str, why: str | None) -> None:
        """Record why nothing of `consumer` is sent until an operator says so, or, with ``None``, that it goes on.

        Either way the consumer is no longer held.
        """

    async def hold(self, consumer: str, until: int | None) -> None:
        """Record until when the other side has slowed all of `consumer` down, or, with ``None``, that it has not."""

    async def postpone(self, dues: Mapping[str, int]) -> None:
        """Record, by their ids, when effects that are to be tried again are due instead; others stay as they are."""

    async def next_attempts(self) -> dict[str, int]:
        """Return for each consumer with effects in `retry` when the first of them is due."""

    async def search(
        self,
        *,
        consumer: str | None = None,
        states: Collection[EffectState] = (),
        effect_ids: Collection[str] = (),
        limit: int = 100,
        payloads: bool = True,
    ) -> Sequence[EffectRecord]:
        """Return up to `limit` effects that fit all that is given, by position and ordinal.

        Without `payloads` theirs are empty, and are not read: one may be large.
        """

    async def release(
        self,
        effect_ids: Collection[str],
        state: EffectState,
        now: int,
        rendered: Mapping[str, Sequence[Effect]] | None = None,
    ) -> int:
        """Take parked effects out of their parking, by an operator's hand, and return how many that were.

        With `state` `pending` they are tried again from the first attempt on; with `discarded` they are given up.
        Those of them that are in `rendered`, by their ids, are instead what their event was rendered to anew: the first
        effect takes the place of the row, others are entered, one that is parked leaves the row so with its reason.
        """

    async def counts(self) -> dict[str, dict[EffectState, int]]:
        """Return how many effects each consumer has in each state."""

    async def forget(self, before: int) -> int:
        """Delete what came to be done or discarded before the time `before`, and return how many that were."""

    async def close(self) -> None:
        """Finish what is under way and release the files. Closing twice does nothing."""
