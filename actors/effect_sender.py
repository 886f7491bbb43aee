"""The sending half of a consumer of effects: takes what is due, has it delivered, and accounts for each attempt.

The account is kept in groups, as the log is, without a timer. All that may begin now is recorded in one transaction,
before any of it is tried; all that ended while the last ends were being recorded goes into the next transaction. So one
call at a time costs two commits, and many side by side share them. What stands in ``sending`` at a crash is at most
what `concurrency` calls hold.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from random import Random
from typing import TypeAlias

import anyio

from ..stores.effect_records import EffectRecord
from ..stores.errors import Corruption, StorageFailed
from ..stores.protocols import EffectLedger
from ..stores.records import Position
from .attempts import conclusion_of, delay_after
from .definitions import EffectDefinition
from .delivery import Deliverer, Delivery, Paused, TryAgain, reason_of, storable_reason
from .effect_notices import EffectNotices
from .kernel.clock import Clock
from .quiet import Quiet
from .schedule import Schedule, Scheduled
from .space import Space

__all__ = ["EffectSender", "on_the_wall"]

Call: TypeAlias = Sequence[tuple[Scheduled, Delivery]]
"""The effects of one call of the deliverer, each with its end."""


def on_the_wall(clock: Clock, delay: float) -> int:
    """Return what the wall clock shows, to people, when `delay` seconds have passed."""
    return clock.now() + round(delay * 1_000_000)


class EffectSender:
    """Sends what its schedule says is due: two loops, of which one begins attempts and the other records their ends."""

    def __init__(
        self,
        definition: EffectDefinition,
        ledger: EffectLedger,
        deliverer: Deliverer,
        quiet: Quiet,
        notices: EffectNotices,
        space: Space,
        clock: Clock,
        random: Random,
        reached: Callable[[], Position],
    ) -> None:
        """Send for `definition` the effects of events up to the position that `reached` returns."""
        self.schedule = Schedule(by_stream=definition.by_stream)
        self.paused: str | None = None
        """Why nothing is sent until an operator resumes it."""
        self._definition = definition
        self._ledger = ledger
        self._deliverer = deliverer
        self._quiet = quiet
        self._notices = notices
        self._space = space
        self._clock = clock
        self._random = random
        self._reached = reached
        self._free = definition.concurrency
        """How many more calls may be under way; one is, until its ends are recorded."""
        self._ended: list[Call] = []
        """Calls that ended and are not recorded yet."""
        self._changed = anyio.Event()
        self._not_before = 0.0
        self._slowed = 0
        self._next_at_rate = 0.0
        self._stopping = False

    def wake(self) -> None:
        """Look again at what is due."""
        self._quiet.note(quiet=self.schedule.waiting == 0 or self.paused is not None)
        self._changed.set()

    def resume(self) -> None:
        """Send again, after an operator has mended the access."""
        self.paused = None
        self._not_before = 0.0
        self.wake()

    def next_attempt(self) -> float | None:
        """Return in how many seconds the next attempt is due, or ``None`` where none is."""
        due = None if self.paused is not None else self.schedule.next_due()
        return None if due is None else max(0.0, max(due, self._not_before) - self._clock.monotonic())

    async def begin_what_is_due(self) -> None:
        """Begin attempts, for as long as the consumer lives."""
        size = self._deliverer.largest_call
        async with anyio.create_task_group() as calls:
            while True:
                effects = await self._next_effects()
                ids = [effect.effect_id for effect in effects]
                await self._space.write(lambda ids=ids: self._ledger.begin(ids, self._clock.now()))  # type: ignore[misc]
                records = await self._ledger.payloads(ids)
                for first in range(0, len(effects), size):
                    calls.start_soon(self._call, effects[first : first + size], records)

    async def record_ends(self) -> None:
        """Record how attempts ended, for as long as the consumer lives."""
        while True:
            while not self._ended:
                await self._until_changed()
            calls, self._ended = self._ended, []
            await self._conclude([attempt for call in calls for attempt in call])
            self._free += len(calls)
            self.wake()

    async def finish(self) -> None:
        """Begin no more attempts, and return once those under way have ended and are recorded."""
        self._stopping = True
        while self.schedule.taken:
            await self._until_changed()

    async def _next_effects(self) -> list[Scheduled]:
        """Wait for effects that are due, and take as many as the calls that are free can carry."""
        while True:
            now = self._clock.monotonic()
            earliest = max(self._not_before, self._next_at_rate)
            if self.paused is None and not self._stopping and self._free and now >= earliest:
                calls = 1 if self._definition.rate is not None else self._free
                effects = self.schedule.take(calls * self._deliverer.largest_call, now, self._reached())
                if effects:
                    self._free -= -(-len(effects) // self._deliverer.largest_call)
                    if self._definition.rate is not None:
                        self._next_at_rate = max(now, self._next_at_rate) + len(effects) / self._definition.rate
                    return effects
                earliest = self.schedule.next_due() or now
            timer = self._clock.call_later(earliest - now, self.wake) if earliest > now else None
            await self._until_changed()
            if timer is not None:
                timer.cancel()

    async def _call(self, effects: Sequence[Scheduled], records: Mapping[str, EffectRecord]) -> None:
        deliveries = await self._deliver([records[effect.effect_id] for effect in effects])
        self._ended.append(list(zip(effects, deliveries, strict=True)))
        self._changed.set()

    async def _deliver(self, records: Sequence[EffectRecord]) -> Sequence[Delivery]:
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

    async def _conclude(self, attempts: Call) -> None:
        """Record how `attempts` ended, and do in memory what the ledger then says."""
        retry, now = self._definition.retry, self._clock.monotonic()
        delays = [delay_after(*attempt, retry, self._random) for attempt in attempts]
        dues = [on_the_wall(self._clock, delay) for delay in delays]
        ends = [conclusion_of(*attempt, retry, due) for attempt, due in zip(attempts, dues, strict=True)]
        await self._space.write(lambda: self._ledger.conclude(ends, self._clock.now()))
        for (effect, _), delay, end in zip(attempts, delays, ends, strict=True):
            if end.state == "done":
                self._slowed = 0
                self.schedule.finish(effect, now)
            elif end.state == "parked":
                self.schedule.park(effect)
                self._notices.parked(effect.effect_id, end.error)
            else:
                self.schedule.delay(effect, now + delay, failed=end.failed)
        await self._heed([delivery for _, delivery in attempts])

    async def _heed(self, deliveries: Sequence[Delivery]) -> None:
        """Slow down, or pause, where one of `deliveries` says so."""
        name = self._definition.name
        pauses = [delivery.error for delivery in deliveries if isinstance(delivery, Paused)]
        slow = [delivery for delivery in deliveries if isinstance(delivery, TryAgain) and delivery.slow_down]
        if slow:
            self._slowed += 1
            pause = slow[0].after or self._definition.retry.delay(self._slowed, self._random)
            self._not_before = max(self._not_before, self._clock.monotonic() + pause)
            await self._space.write(lambda: self._ledger.hold(name, on_the_wall(self._clock, pause)))
        if pauses:
            await self._pause(storable_reason(pauses[0]))

    async def _pause(self, why: str) -> None:
        async with self._quiet.mending:
            await self._space.write(lambda: self._ledger.pause(self._definition.name, why))
            if self.paused is None:
                self._notices.paused(why)
            self.paused = why

    async def _until_changed(self) -> None:
        if self._changed.is_set():
            self._changed = anyio.Event()
        await self._changed.wait()
