"""The effect ledger on SQLite."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from ..effect_records import Conclusion, ConsumerRecord, Effect, EffectRecord, EffectState
from ..records import Position
from .database import Database
from .effect_changes import (
    begin_attempts,
    conclude_attempts,
    ensure_consumer,
    forget_finished,
    hold_consumer,
    pause_consumer,
    postpone_attempts,
    record_effects,
    release_parked,
)
from .effect_rows import (
    effect_counts,
    effects_by_id,
    effects_that_fit,
    known_consumers,
    next_attempts,
    unfinished_effects,
)
from .migrations import EFFECTS_DB

__all__ = ["SqliteEffectLedger"]

READERS = 2
"""One for the consumers, and one for who searches and counts."""


class SqliteEffectLedger:
    """Implements `EffectLedger`.

    A change is durable when it returns: ``synchronous=FULL`` syncs the write-ahead log. Reads see all that was changed
    before they began, and wait for no change. Changes raise besides what the protocol says:

    Raises:
        CommitRefused: a value cannot be stored; nothing was changed.
        Locked: another process holds the database for longer than ``busy_timeout``; nothing was changed.
    """

    def __init__(self, database: Database, *, is_new: bool) -> None:
        self._database = database
        self.is_new = is_new
        """Whether there was no ledger when this was opened: no file, or one in which no consumer was ever opened."""

    @classmethod
    async def open(cls, file: Path) -> "SqliteEffectLedger":
        """Open `file`, and create it where it is missing; raises as `Database.open` does."""
        return await with_its_age(await Database.open(file, EFFECTS_DB, "FULL", readers=READERS))

    @classmethod
    async def open_read_only(cls, file: Path) -> "SqliteEffectLedger":
        """Open `file` beside a running process or without one; what changes something raises `ReadOnly`.

        What it shows and leaves behind is told at `Database.open_read_only`.
        """
        return await with_its_age(await Database.open_read_only(file, EFFECTS_DB, readers=1))

    async def consumers(self) -> dict[str, ConsumerRecord]:
        return await self._database.read(known_consumers)

    async def open_consumer(self, name: str, start: Position) -> ConsumerRecord:
        work = partial(ensure_consumer, file=self._database.file, name=name, start=start)
        return await self._database.write(work)

    async def record(self, consumer: str, effects: Sequence[Effect], *, expected: Position, position: Position) -> None:
        """Enter `effects` and move the consumer's cursor; raises as `EffectLedger.record` does.

        Raises besides:
            UnknownConsumer: it was never opened.
            CommitRefused: an effect is in the ledger already, is another consumer's, or is for no event in between.
        """
        work = partial(
            record_effects,
            file=self._database.file,
            consumer=consumer,
            effects=effects,
            expected=expected,
            position=position,
        )
        await self._database.write(work)

    async def unfinished(self, consumer: str, after: tuple[Position, int], limit: int) -> Sequence[EffectRecord]:
        return await self._database.read(partial(unfinished_effects, consumer=consumer, after=after, limit=limit))

    async def payloads(self, effect_ids: Collection[str]) -> dict[str, EffectRecord]:
        return await self._database.read(partial(effects_by_id, effect_ids=effect_ids))

    async def begin(self, effect_ids: Collection[str], now: int) -> None:
        """Record that an attempt at each of these effects begins.

        Raises:
            UnknownEffect: one is not there.
            WrongEffectState: one is neither pending nor to be retried, nor has an attempt whose end is unknown.
        """
        await self._database.write(partial(begin_attempts, file=self._database.file, effect_ids=effect_ids, now=now))

    async def conclude(self, conclusions: Sequence[Conclusion], now: int) -> None:
        """Record how attempts ended.

        Raises:
            UnknownEffect, WrongEffectState: one is not there, or no attempt of it is under way.
        """
        work = partial(conclude_attempts, file=self._database.file, conclusions=conclusions, now=now)
        await self._database.write(work)

    async def pause(self, consumer: str, why: str | None) -> None:
        """Record why nothing of `consumer` is sent, or, with ``None``, that it goes on.

        Raises:
            UnknownConsumer: it was never opened.
        """
        await self._database.write(partial(pause_consumer, file=self._database.file, consumer=consumer, why=why))

    async def hold(self, consumer: str, until: int | None) -> None:
        """Record until when all of `consumer` is slowed down, or, with ``None``, that it is not.

        Raises:
            UnknownConsumer: it was never opened.
        """
        await self._database.write(partial(hold_consumer, file=self._database.file, consumer=consumer, until=until))

    async def postpone(self, dues: Mapping[str, int]) -> None:
        await self._database.write(partial(postpone_attempts, file=self._database.file, dues=dues))

    async def search(
        self,
        *,
        consumer: str | None = None,
        states: Collection[EffectState] = (),
        effect_ids: Collection[str] = (),
        limit: int = 100,
        payloads: bool = True,
    ) -> Sequence[EffectRecord]:
        work = partial(
            effects_that_fit,
            consumer=consumer,
            states=states,
            effect_ids=effect_ids,
            limit=limit,
            payloads=payloads,
        )
        return await self._database.read(work)

    async def release(
        self,
        effect_ids: Collection[str],
        state: EffectState,
        now: int,
        rendered: Mapping[str, Sequence[Effect]] | None = None,
    ) -> int:
        """Take parked effects out of their parking, and return how many that were.

        Raises:
            UnknownEffect, WrongEffectState: one of them is not there, or is not parked; none was released.
        """
        work = partial(
            release_parked,
            file=self._database.file,
            effect_ids=effect_ids,
            state=state,
            now=now,
            rendered=rendered or {},
        )
        return await self._database.write(work)

    async def next_attempts(self) -> dict[str, int]:
        return await self._database.read(next_attempts)

    async def counts(self) -> dict[str, dict[EffectState, int]]:
        return await self._database.read(effect_counts)

    async def forget(self, before: int) -> int:
        return await self._database.write(partial(forget_finished, file=self._database.file, before=before))

    async def close(self) -> None:
        await self._database.close()


async def with_its_age(database: Database) -> SqliteEffectLedger:
    """Return the ledger in `database`, which is closed where it cannot even be read."""
    try:
        return SqliteEffectLedger(database, is_new=not await database.read(known_consumers))
    except BaseException:
        await database.close()
        raise
