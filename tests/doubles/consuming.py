"""A consumer of effects with everything in a test's hand: the events, the time, the ledger's plan, the deliverer."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, cast

import anyio
import msgspec
from twofold import App, EventMeta
from twofold.actors.definitions import EffectDefinition
from twofold.actors.delivery import Delivered, Delivery, TryAgain
from twofold.actors.effect_consumer import EffectConsumer
from twofold.actors.event_feed import EventFeed
from twofold.actors.kernel.supervisor import RestartPolicy, Role
from twofold.actors.kernel.watermark import Watermark
from twofold.actors.quiet import Quiet
from twofold.actors.space import Space
from twofold.runtime.testing import VirtualClock
from twofold.stores.chain import seal
from twofold.stores.effect_records import EffectRecord
from twofold.stores.errors import Corruption, StorageFailed
from twofold.stores.memory import MemoryEffectLedger, MemoryEventStore
from twofold.stores.protocols import EffectLedger
from twofold.stores.records import GENESIS, EventRecord, Head

from tests.doubles.accounts import AccountOpened, accounts_app
from tests.doubles.planned_stores import Gate, Plan, PlannedLedger
from tests.doubles.waiting import turns

NAME = "outside"
FAILED = TryAgain("not now")
Answer = Delivery | Sequence[Delivery] | BaseException | Gate


class JumpingClock(VirtualClock):
    """A held clock whose wall clock can be set, as an operator or a time server does."""

    def jump(self, seconds: int) -> None:
        self._now += seconds * 1_000_000


class ScriptedDeliverer:
    """Answers its calls as a test has said, one after the other, and delivers when nothing is said."""

    def __init__(self, largest_call: int = 1) -> None:
        self.largest_call = largest_call
        self.calls: list[list[int]] = []
        """The positions in each call."""
        self.ids: list[str] = []
        self.under_way = self.most_under_way = 0
        self.always: Callable[[EffectRecord], Delivery] | None = None
        self._answers: deque[Answer] = deque()

    @property
    def sent(self) -> list[int]:
        """The positions of all attempts, in order."""
        return [position for call in self.calls for position in call]

    def answer(self, *answers: Answer) -> None:
        """Answer the next calls so."""
        self._answers.extend(answers)

    def hold(self) -> Gate:
        """Let the next call hang until the gate is opened."""
        gate = Gate()
        self.answer(gate)
        return gate

    async def deliver(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        self.calls.append([effect.position for effect in effects])
        self.ids += [effect.effect_id for effect in effects]
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(effects)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        """Nothing is open."""

    async def _answer(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, Gate):
            await answer.pass_through()
            answer = None
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return [Delivered() if self.always is None else self.always(effect) for effect in effects]
        return answer if isinstance(answer, Sequence) else [answer] * len(effects)


class Outside:
    """One registered consumer over a ledger in memory; `running` is one life of its role."""

    def __init__(self, largest_call: int = 1, window: float = 0.0, **settings: Any) -> None:
        self.window = window
        self.app = accounts_app()
        self.app.consumer(NAME, **settings)(_never_called)
        self.plan = Plan()
        self.stored = MemoryEffectLedger()
        self.ledger = cast(EffectLedger, PlannedLedger(self.stored, self.plan))
        self.clock = JumpingClock()
        self.feed = EventFeed(MemoryEventStore(), 0)
        self.projected = Watermark()
        self.deliverer = ScriptedDeliverer(largest_call)
        self.quiet = Quiet()
        self.role: Role
        self._head = GENESIS

    @property
    def definition(self) -> EffectDefinition:
        return msgspec.structs.replace(self.app.domain().effects[NAME], window=self.window)

    @property
    def actor(self) -> EffectConsumer:
        return cast(EffectConsumer, self.role.actor)

    def happen(self, *keys: str) -> None:
        """Publish an event in the stream of each of `keys`."""
        events = sealed(self._head, *keys)
        self._head = Head(events[-1].position, events[-1].hash)
        self.feed.publish(events, [None] * len(events))

    async def states(self) -> list[str]:
        """Return the states of all effects, by position."""
        return [effect.state for effect in await self.stored.search(limit=100_000)]

    async def effect(self, position: int) -> EffectRecord:
        (found,) = [each for each in await self.stored.search(limit=100_000) if each.position == position]
        return found

    async def pass_time(self, seconds: float) -> None:
        """Let all that is due get as far as it can, move the time on, and do so again."""
        await rest()
        self.clock.advance(seconds)
        await rest()

    @asynccontextmanager
    async def running(self, *, restarts: int = 5, stops: bool = True) -> AsyncIterator["Outside"]:
        """Let the consumer live; at the end it is stopped in order, or, unless it `stops`, ends where it stands."""
        policy = RestartPolicy(restarts=restarts)
        self.role = Role(NAME, self.create, self.clock, core=False, policy=policy, fatal=(StorageFailed, Corruption))
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.role.live)
            await rest()
            yield self
            if stops:
                await self.role.stop()
            else:
                self.role.cancel()

    def create(self) -> EffectConsumer:
        """Return a new actor, which has not started."""
        return EffectConsumer(
            self.app.domain(),
            self.definition,
            self.feed,
            self.ledger,
            self.deliverer,
            self.projected,
            self.quiet,
            Space(self.clock),
            self.clock,
            start=0,
            mailbox=20,
            batch=10,
            keep_done=30 * 86400.0,
            random=Random(7),
        )


def sealed(head: Head, *keys: str) -> list[EventRecord]:
    """Return events behind `head`, one in the stream of each of `keys`."""
    events = list[EventRecord]()
    for key in keys:
        metadata = '{"command_id":"c","offset":1}'
        event = seal(head, f"account-{key}", 1, "account.opened", 1, '{"owner":"Ada"}', metadata, 0)
        events.append(event)
        head = Head(event.position, event.hash)
    return events


async def rest() -> None:
    """Let everything get on until it waits for the time or for the test; the ledger is in memory, so no thread is."""
    for _ in range(20):
        await turns()


async def _never_called(event: AccountOpened, meta: EventMeta) -> None:
    raise AssertionError(f"{event} at {meta.position}: the scripted deliverer takes the effects")


def with_consumer(function: Callable[..., Any], **settings: Any) -> App:
    """Return the accounts with a consumer of the test's own."""
    app = accounts_app()
    app.consumer(NAME, **settings)(function)
    return app
