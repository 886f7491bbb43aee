"""A consumer of effects: renders each event into the ledger, and sends what is due from there.

Two loops that meet in the ledger. The first follows the event feed; the effects of a batch of events and the cursor
are entered in one transaction. The second sends: an attempt is recorded before it is made, and its end after. What a
crash leaves in `sending` may have been sent: it is sent again under the same effect id, or, for a consumer that
prefers nothing to twice, parked.
"""

from collections.abc import Callable, Coroutine, Sequence
from math import inf
from random import Random
from typing import Any

import anyio

from ..stores.effect_records import Conclusion, EffectRecord
from ..stores.errors import Corruption, StorageFailed
from ..stores.protocols import EffectLedger
from ..stores.records import EventRecord
from .attempts import conclusion_of, delay_after, failures_before, is_own_failure
from .definitions import Domain, EffectDefinition
from .delivery import Deliverer, Delivery, Paused, TryAgain, reason_of, storable_reason
from .event_feed import EventFeed
from .kernel.actor import Actor
from .kernel.clock import Clock
from .kernel.watermark import Watermark
from .rendering import render
from .schedule import Schedule, Scheduled
from .space import Space

__all__ = ["EffectConsumer", "Quiet"]

_READ_AT_ONCE = 100  # a payload may be of megabytes
_STOP_LIMIT = 10.0
_BETWEEN_CLEANINGS = 3600.0
_UNKNOWN_END = "the process ended while it was being sent: it may have arrived"


class Quiet:
    """Whether a consumer has nothing left to do without somebody's help. It belongs to the role, not to an actor."""

    def __init__(self) -> None:
        self.rendered = Watermark()
        """How far the consumer's effects are in the ledger."""
        self._is_quiet = anyio.Event()

    def note(self, *, quiet: bool) -> None:
        """Say whether there is nothing to send or to wait for."""
        if quiet:
            self._is_quiet.set()
        elif self._is_quiet.is_set():
            self._is_quiet = anyio.Event()

    async def wait(self) -> None:
        """Return once there is nothing to send or to wait for."""
        await self._is_quiet.wait()


class EffectConsumer(Actor[EventRecord]):
    """One consumer, with its own cursor, its own backlog and its own failures."""

    def __init__(
        self,
        domain: Domain,
        definition: EffectDefinition,
        feed: EventFeed,
        ledger: EffectLedger,
        deliverer: Deliverer,
        projected: Watermark,
        quiet: Quiet,
        space: Space,
        clock: Clock,
        *,
        start: int,
        mailbox: int,
        batch: int,
        keep_done: float,
        random: Random | None = None,
    ) -> None:
        super().__init__(clock, mailbox=mailbox, batch=batch)
        self.paused: str | None = None
        """Why nothing is sent until an operator resumes it."""
        self._domain = domain
        self._definition = definition
        self._feed = feed
        self._ledger = ledger
        self._deliverer = deliverer
        self._projected = projected
        self._quiet = quiet
        self._space = space
        self._start = start
        self._keep_done = keep_done
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._schedule = Schedule(by_stream=definition.by_stream)
        self._calls = anyio.Semaphore(definition.concurrency)
        self._changed = anyio.Event()
        self._window_end = 0.0
        self._not_before = 0.0
        self._slowed = 0
        self._next_at_rate = 0.0
        self._stopping = False

    async def start(self) -> None:
        found = await self._ledger.open_consumer(self._definition.name, self._start)
        self.cursor, self.paused = found.cursor, found.paused
        after = (0, -1)
        while page := await self._ledger.unfinished(self._definition.name, after, _READ_AT_ONCE):
            await self._take_up(page)
            after = page[-1].position, page[-1].ordinal
        self._quiet.rendered.rise(self.cursor)
        self._note_quiet()

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._follow, self._send_what_is_due, self._watch_projection, self._forget)

    def made_at(self, message: EventRecord) -> int:
        return message.time

    async def handle(self, messages: Sequence[EventRecord]) -> None:
        effects = render(self._domain, self._definition, messages)
        position, expected = messages[-1].position, self.cursor
        name = self._definition.name
        await self._space.write(lambda: self._ledger.record(name, effects, expected=expected, position=position))
        self.cursor = position
        due = self._end_of_window()
        for effect in effects:
            scheduled = Scheduled(effect.effect_id, effect.position, effect.ordinal, effect.stream)
            if effect.parked is None:
                self._schedule.add(scheduled, due)
            else:
                self._schedule.add_parked(scheduled)
        self._note_quiet()
        self._quiet.rendered.rise(position)
        self._wake()

    async def finish(self) -> None:
        """Wait for the attempts that are being made, and begin no others: the ledger keeps what is left."""
        self._stopping = True
        self._wake()
        with anyio.move_on_after(_STOP_LIMIT):
            while self._schedule.taken:
                await self._until_changed()

    def resume(self) -> None:
        """Send again, after an operator has mended the access and the ledger knows of it."""
        self.paused = None
        self._not_before = 0.0
        self._note_quiet()
        self._wake()

    def release(self, effect_ids: Sequence[str], *, again: bool) -> None:
        """Take up effects that an operator has released in the ledger."""
        for effect_id in effect_ids:
            self._schedule.release(effect_id, self.clock.monotonic(), again=again)
        self._note_quiet()
        self._wake()

    def next_attempt(self) -> float | None:
        """Return in how many seconds the next attempt is due, or ``None`` where none is."""
        due = self._schedule.next_due()
        return None if due is None else max(0.0, max(due, self._not_before) - self.clock.monotonic())

    async def _follow(self) -> None:
        """Read the feed into the mailbox, as far as there is room."""
        after = self.cursor
        while True:
            await self._feed.wait(after)
            events = await self._feed.read(after, self.batch)
            await self.mailbox.send_all(events)
            after = events[-1].position

    async def _take_up(self, page: Sequence[EffectRecord]) -> None:
        """Schedule what a predecessor left: attempts of unknown end at once, others after their delay."""
        now = self.clock.monotonic()
        unknown = [record for record in page if record.state == "sending"]
        parked = {record.effect_id for record in page if record.state == "parked"}
        if unknown and self._definition.at_most_once:
            ends = [Conclusion(record.effect_id, "parked", _UNKNOWN_END) for record in unknown]
            await self._space.write(lambda: self._ledger.conclude(ends, self.clock.now()))
            parked |= {record.effect_id for record in unknown}
        for record in page:
            failures = failures_before(record, self._definition.retry)
            effect = Scheduled(record.effect_id, record.position, record.ordinal, record.stream, failures)
            if record.effect_id in parked:
                self._schedule.add_parked(effect)
            elif record.state == "retry":
                self._schedule.add(effect, now + self._definition.retry.delay(record.attempts, self._random))
            else:
                self._schedule.add(effect, now)

    async def _send_what_is_due(self) -> None:
        async with anyio.create_task_group() as calls:
            while not self._stopping:
                await self._calls.acquire()
                effects = await self._next_effects()
                calls.start_soon(self._send, effects)

    async def _next_effects(self) -> list[Scheduled]:
        """Wait for effects that are due, as many as one call takes."""
        while True:
            now = self.clock.monotonic()
            earliest = max(self._not_before, self._next_at_rate)
            if self.paused is None and not self._stopping and now >= earliest:
                upto = self._projected.value if self._definition.after_projection else self.cursor
                effects = self._schedule.take(self._deliverer.largest_call, now, upto)
                if effects:
                    if self._definition.rate is not None:
                        self._next_at_rate = max(now, self._next_at_rate) + len(effects) / self._definition.rate
                    return effects
                earliest = self._schedule.next_due() or now
            timer = self.clock.call_later(earliest - now, self._wake) if earliest > now else None
            await self._until_changed()
            if timer is not None:
                timer.cancel()

    async def _send(self, effects: list[Scheduled]) -> None:
        ids = [effect.effect_id for effect in effects]
        try:
            await self._space.write(lambda: self._ledger.begin(ids, self.clock.now()))
            records = await self._ledger.payloads(ids)
            deliveries = await self._attempt([records[effect_id] for effect_id in ids])
            retry = self._definition.retry
            ends = [conclusion_of(*pair, retry) for pair in zip(effects, deliveries, strict=True)]
            await self._space.write(lambda: self._ledger.conclude(ends, self.clock.now()))
            await self._settle_accounts(effects, deliveries, ends)
        finally:
            self._calls.release()
            self._note_quiet()
            self._wake()

    async def _attempt(self, records: Sequence[EffectRecord]) -> Sequence[Delivery]:
        try:
            return await self._deliverer.deliver(records)
        except (StorageFailed, Corruption):
            raise
        except Exception as error:  # noqa: BLE001 - a deliverer's bug leaves the effects to be tried again
            return [TryAgain(reason_of(error))] * len(records)
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -inf:
                raise
            # Something that it waited for was cancelled, not this task: that would end the sending without a word.
            return [TryAgain("the deliverer was cancelled from within")] * len(records)

    async def _settle_accounts(
        self, effects: Sequence[Scheduled], deliveries: Sequence[Delivery], ends: Sequence[Conclusion]
    ) -> None:
        """Do in memory what the ledger has recorded."""
        now = self.clock.monotonic()
        for effect, delivery, end in zip(effects, deliveries, ends, strict=True):
            if end.state == "done":
                self._slowed = 0
                self._schedule.finish(effect, now)
            elif end.state == "parked":
                self._schedule.park(effect)
            else:
                due = now + delay_after(effect, delivery, self._definition.retry, self._random)
                self._schedule.delay(effect, due, failed=is_own_failure(delivery))
        pauses = [delivery.error for delivery in deliveries if isinstance(delivery, Paused)]
        slow = [delivery for delivery in deliveries if isinstance(delivery, TryAgain) and delivery.slow_down]
        if slow:
            self._slowed += 1
            pause = slow[0].after or self._definition.retry.delay(self._slowed, self._random)
            self._not_before = max(self._not_before, now + pause)
        if pauses:
            name, why = self._definition.name, storable_reason(pauses[0])
            self.paused = why
            await self._space.write(lambda: self._ledger.pause(name, why))

    async def _watch_projection(self) -> None:
        """Look again at what is due whenever the read database has moved on, where that counts."""
        while self._definition.after_projection:
            await self._projected.reach(self._projected.value + 1)
            self._wake()

    async def _forget(self) -> None:
        """Delete, now and then, what has been done for longer than it is to be kept."""
        while True:
            await self._space.write(lambda: self._ledger.forget(self.clock.now() - round(self._keep_done * 1_000_000)))
            await self.clock.sleep(_BETWEEN_CLEANINGS)

    def _end_of_window(self) -> float:
        """Return when what comes now is due: with what the open window has gathered, or at the end of a new one."""
        now = self.clock.monotonic()
        if now >= self._window_end:
            self._window_end = now + self._definition.window
        return self._window_end

    def _note_quiet(self) -> None:
        self._quiet.note(quiet=self._schedule.waiting == 0 or self.paused is not None)

    def _wake(self) -> None:
        self._changed.set()

    async def _until_changed(self) -> None:
        if self._changed.is_set():
            self._changed = anyio.Event()
        await self._changed.wait()
