"""A consumer of effects: renders each event into the ledger, and sends what is due from there.

Two halves that meet in the ledger. This one follows the event feed; the effects of a batch of events and the cursor are
entered in one transaction. The other one sends (`effect_sender.py`): an attempt is recorded before it is made, and its
end after. What a crash leaves in `sending` may have been sent: it is sent again under the same effect id, or, for a
consumer that prefers nothing to twice, parked.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from operator import attrgetter
from random import Random
from typing import Any

import anyio

from ..stores.effect_records import Conclusion, Effect, EffectRecord
from ..stores.protocols import EffectLedger
from ..stores.records import EventRecord, Position
from .definitions import Domain, EffectDefinition
from .delivery import Deliverer
from .effect_notices import EffectNotices
from .effect_sender import EffectSender, on_the_wall
from .event_feed import EventFeed
from .kernel.actor import Actor
from .kernel.clock import Clock
from .kernel.following import follow
from .kernel.watermark import Watermark
from .quiet import Quiet
from .rendering import render
from .schedule import Scheduled
from .space import Space

__all__ = ["EffectConsumer"]

_READ_AT_ONCE = 100  # a payload may be of megabytes
_STOP_LIMIT = 10.0
_BETWEEN_CLEANINGS = 3600.0
_UNKNOWN_END = "the process ended while it was being sent: it may have arrived"


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
        url: str | None = None,
        random: Random | None = None,
    ) -> None:
        """Begin behind the position `start`; what an operator is told to do names the `url` of this process."""
        super().__init__(clock, mailbox=mailbox, batch=batch)
        self._domain = domain
        self._definition = definition
        self._feed = feed
        self._ledger = ledger
        self._projected = projected
        self._quiet = quiet
        self._space = space
        self._start = start
        self._keep_done = keep_done
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._window_end = 0.0
        self._notices = EffectNotices(definition.name, clock, url)
        self._sender = EffectSender(
            definition, ledger, deliverer, quiet, self._notices, space, clock, self._random, reached=self._reached
        )
        self._schedule = self._sender.schedule

    @property
    def paused(self) -> str | None:
        """Why nothing is sent until an operator resumes it."""
        return self._sender.paused

    async def start(self) -> None:
        async with self._quiet.mending:
            await self._restore()

    async def _restore(self) -> None:
        found = await self._ledger.open_consumer(self._definition.name, self._start)
        self.cursor, self._sender.paused = found.cursor, found.paused
        if found.paused is not None:
            self._notices.paused(found.paused)
        if found.held_until is not None:  # what slowed a predecessor down is tried anew
            await self._space.write(lambda: self._ledger.hold(self._definition.name, None))
        after = (0, -1)
        while page := await self._ledger.unfinished(self._definition.name, after, _READ_AT_ONCE):
            await self._take_up(page)
            after = page[-1].position, page[-1].ordinal
        self._quiet.rendered.rise(self.cursor)
        self._sender.wake()

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (
            self._follow,
            self._sender.begin_what_is_due,
            self._sender.record_ends,
            self._notices.tell,
            self._watch_projection,
            self._forget,
        )

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
            if effect.parked is None:
                self._schedule.add(scheduled(effect), due)
            else:
                self._schedule.add_parked(scheduled(effect))
                self._notices.parked(effect.effect_id, effect.parked)
        self._sender.wake()
        self._quiet.rendered.rise(position)

    async def finish(self) -> None:
        """Wait for the attempts that are being made, and begin no others: the ledger keeps what is left."""
        with anyio.move_on_after(_STOP_LIMIT):
            await self._sender.finish()

    def resume(self) -> None:
        """Send again, after an operator has mended the access and the ledger knows of it."""
        self._sender.resume()

    def release(
        self, effect_ids: Sequence[str], *, again: bool, rendered: Mapping[str, Sequence[Effect]] | None = None
    ) -> None:
        """Take up effects that an operator has released in the ledger, some of them `rendered` anew."""
        now, anew = self.clock.monotonic(), rendered or {}
        for effect_id in effect_ids:
            effects = anew.get(effect_id)
            if effects is None:
                self._schedule.release(effect_id, now, again=again)
            elif not effects or effects[0].parked is None:
                more = [scheduled(effect) for effect in effects[1:]]
                self._schedule.release(effect_id, now, again=bool(effects), more=more)
        self._sender.wake()

    def next_attempt(self) -> float | None:
        """Return in how many seconds the next attempt is due, or ``None`` where none is."""
        return self._sender.next_attempt()

    async def _follow(self) -> None:
        """Read the feed into the mailbox."""
        await follow(self._feed, self.mailbox, self.cursor, self.batch, attrgetter("position"))

    async def _take_up(self, page: Sequence[EffectRecord]) -> None:
        """Schedule what a predecessor left: attempts of unknown end at once, others after their delay."""
        now = self.clock.monotonic()
        unknown = [record for record in page if record.state == "sending"]
        parked = {record.effect_id for record in page if record.state == "parked"}
        if unknown and self._definition.at_most_once:
            ends = [Conclusion(record.effect_id, "parked", _UNKNOWN_END) for record in unknown]
            await self._space.write(lambda: self._ledger.conclude(ends, self.clock.now()))
            parked |= {record.effect_id for record in unknown}
            for record in unknown:
                self._notices.parked(record.effect_id, _UNKNOWN_END)
        retry, dues = self._definition.retry, dict[str, int]()
        for record in page:
            effect = Scheduled(record.effect_id, record.position, record.ordinal, record.stream, record.failures)
            if record.effect_id in parked:
                self._schedule.add_parked(effect)
            elif record.state == "retry":
                delay = retry.delay(max(1, record.failures), self._random)
                dues[record.effect_id] = on_the_wall(self.clock, delay)
                self._schedule.add(effect, now + delay)
            else:
                self._schedule.add(effect, now)
        if dues:
            await self._space.write(lambda: self._ledger.postpone(dues))

    async def _watch_projection(self) -> None:
        """Look again at what is due whenever the read database has moved on, where that counts."""
        while self._definition.after_projection:
            await self._projected.watch(self._projected.value + 1)
            self._sender.wake()

    async def _forget(self) -> None:
        """Delete, now and then, what has been done for longer than it is to be kept."""
        while True:
            await self._space.write(lambda: self._ledger.forget(self.clock.now() - round(self._keep_done * 1_000_000)))
            await self.clock.sleep(_BETWEEN_CLEANINGS)

    def _reached(self) -> Position:
        """Return up to which event's effects may be sent."""
        return self._projected.value if self._definition.after_projection else self.cursor

    def _end_of_window(self) -> float:
        """Return when what comes now is due: with what the open window has gathered, or at the end of a new one."""
        now = self.clock.monotonic()
        if now >= self._window_end:
            self._window_end = now + self._definition.window
        return self._window_end


def scheduled(effect: Effect) -> Scheduled:
    """Return a new effect as it is lined up."""
    return Scheduled(effect.effect_id, effect.position, effect.ordinal, effect.stream)
