"""The consumers of effects of one runtime: registered, wired to their deliverers, awaited and mended."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, cast

import anyio
from msgspec import Struct
from msgspec.structs import replace

from ..actors.definitions import Domain, EffectDefinition
from ..actors.delivery import Deliverer
from ..actors.effect_consumer import EffectConsumer
from ..actors.effect_notices import how_to
from ..actors.event_feed import EventFeed
from ..actors.function_deliverer import FunctionDeliverer
from ..actors.kernel.actor import Actor
from ..actors.kernel.clock import Clock
from ..actors.kernel.supervisor import Role
from ..actors.kernel.watermark import Watermark
from ..actors.quiet import Quiet
from ..actors.rendering import render_anew
from ..actors.space import Space
from ..actors.statistics import RoleStatistics, statistics_of
from ..stores.effect_records import EffectState
from ..stores.errors import TwofoldError
from ..stores.records import Position
from .config import Config
from .effect_search import UnknownConsumerName
from .stores import Stores

__all__ = ["ConsumerHalted", "Effects", "LedgerGone", "Resumed", "to_send"]

MakeRole: TypeAlias = Callable[..., Role]


class LedgerGone(TwofoldError):
    """A consumer is registered in the write database, but the effect ledger does not know it."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        super().__init__(
            f"The consumer {consumer} is registered, but the effect ledger has nothing of it: effects.db is gone, or "
            "older than write.db. Restore both from one backup: a fresh ledger would leave out or repeat effects."
        )


class ConsumerHalted(TwofoldError):
    """A consumer failed again and again, and is not replaced any more."""

    def __init__(self, name: str, failure: object) -> None:
        self.name, self.failure = name, failure
        super().__init__(
            f"The consumer {name} is halted: {failure}. Nothing is lost; mend the cause, then restart the process."
        )


class Resumed(Struct, frozen=True):
    """A consumer that was told to send again."""

    resumed: str
    was_paused: bool
    to_send: int
    """How many effects it had to send then: those that are neither done nor parked nor given up."""


def to_send(counts: Mapping[EffectState, int]) -> int:
    """Return how many effects are still to be sent, of the numbers in each state."""
    return counts["pending"] + counts["sending"] + counts["retry"]


class Effects:
    """All consumers of effects."""

    def __init__(
        self,
        domain: Domain,
        config: Config,
        clock: Clock,
        stores: Stores,
        feed: EventFeed,
        projected: Watermark,
        space: Space,
        make_role: MakeRole,
        url: str | None,
    ) -> None:
        """Wire the consumers of `domain`; what an operator is told to do names the `url` of this process."""
        self._domain = domain
        self._config = config
        self._clock = clock
        self._stores = stores
        self._feed = feed
        self._projected = projected
        self._space = space
        self._make_role = make_role
        self._url = url
        self._starts: dict[str, Position] = {}
        self._quiet = {name: Quiet() for name in domain.effects}
        self._deliverers: dict[str, Deliverer] = {}
        self._roles: dict[str, Role] = {}

    @property
    def roles(self) -> tuple[Role, ...]:
        """A role for each consumer, once they are registered."""
        return tuple(self._roles.values())

    def statistics(self, head: Position) -> Sequence[RoleStatistics]:
        """Return how each consumer is doing, the events ending at `head`."""
        return [
            replace(statistics_of(role, head), next_attempt=cast(EffectConsumer, role.actor).next_attempt())
            for role in self._roles.values()
        ]

    async def register(self, head: Position) -> None:
        """Make sure that each consumer has its place in the write database and in the ledger, and make its role.

        A new one starts behind `head`, or at the first event of all if it was told to.

        Raises:
            LedgerGone: a registered consumer has no ledger any more.
        """
        registered = await self._stores.events.consumers()
        in_ledger = await self._stores.effects.consumers()
        for name in registered:
            if name not in in_ledger:
                raise LedgerGone(name)
        for name, definition in self._domain.effects.items():
            # The ledger first: what a crash leaves between the two is then a consumer to register once more.
            found = await self._stores.effects.open_consumer(name, 0 if definition.from_start else head)
            await self._stores.events.register_consumer(name, found.cursor)
            self._starts[name] = registered.get(name, found.cursor)
            self._deliverers[name] = self._deliverer_for(definition)
            self._roles[name] = self._make_role(f"consumer {name}", self._maker_of(definition), core=False)

    async def release(self, effect_ids: Sequence[str], *, again: bool) -> int:
        """Take parked effects out of their parking, to be tried `again` or given up, and return how many.

        What is tried again and was never rendered, because that failed, is rendered now. A consumer that is just
        being replaced takes it up all the same.

        Raises:
            UnknownEffect, WrongEffectState: one of them is not there, or is not parked; none was released.
            UnknownEvent: one is to be rendered whose event's type is not registered; none was released.
        """
        async with AsyncExitStack() as stack:
            for quiet in self._quiet.values():
                await stack.enter_async_context(quiet.mending)
            return await self._release(effect_ids, again=again)

    async def _release(self, effect_ids: Sequence[str], *, again: bool) -> int:
        state: EffectState = "pending" if again else "discarded"
        found = await self._stores.effects.payloads(effect_ids) if again else {}
        rendered = await render_anew(self._domain, self._stores.events, found.values())
        released = await self._stores.effects.release(effect_ids, state, self._clock.now(), rendered)
        for role in self._roles.values():
            cast(EffectConsumer, role.actor).release(effect_ids, again=again, rendered=rendered)
        return released

    async def resume(self, name: str) -> Resumed:
        """Let a paused consumer send again; one that is just being replaced does so all the same.

        Raises:
            UnknownConsumerName: there is none of that name.
            ConsumerHalted: no actor is there that could send.
        """
        if name not in self._roles:
            raise UnknownConsumerName(name, self._roles)
        if self._roles[name].state == "halted":
            raise ConsumerHalted(name, self._roles[name].failure)
        ledger = self._stores.effects
        async with self._quiet[name].mending:
            paused, counts = (await ledger.consumers())[name].paused, (await ledger.counts())[name]
            await ledger.pause(name, None)
            cast(EffectConsumer, self._roles[name].actor).resume()
        return Resumed(name, paused is not None, to_send(counts))

    def troubles(self) -> list[str]:
        """Return which consumers send nothing until somebody helps, and why, a sentence each."""
        troubles = []
        for name, role in self._roles.items():
            paused = cast(EffectConsumer, role.actor).paused
            if role.state == "halted":
                troubles.append(str(ConsumerHalted(name, role.failure)))
            elif paused is not None:
                then = f"Mend the access, then: {how_to(f'resume {name}', self._url)}"
                troubles.append(f"The consumer {name} is paused: {paused}. {then}")
        return troubles

    async def to_send(self) -> dict[str, int]:
        """Return how many effects each consumer has to send, of those that `settled` would wait for."""
        counts = await self._stores.effects.counts()
        waited_for = [
            name
            for name, role in self._roles.items()
            if role.state != "halted"
            and not (self._quiet[name].is_quiet and self._quiet[name].rendered.value >= self._feed.head)
        ]
        return {name: to_send(counts[name]) for name in waited_for}

    async def settled(self, head: Position) -> None:
        """Return once the effects of all events up to `head` are done, or wait for somebody's help."""
        async with anyio.create_task_group() as tasks:
            for name in self._roles:
                tasks.start_soon(self._settled, name, head)

    async def stop(self, head: Position) -> None:
        """Let each consumer enter the effects of the events up to `head`, end its attempts, and stop."""

        async def stop(name: str, role: Role) -> None:
            await role.until_ended_or(lambda: self._quiet[name].rendered.reach(head))
            await role.stop()

        async with anyio.create_task_group() as tasks:
            for name, role in self._roles.items():
                tasks.start_soon(stop, name, role)

    async def close(self) -> None:
        """Close what the deliverers keep open, all of it; what went wrong with one is raised in the end."""
        errors: list[Exception] = []
        for deliverer in self._deliverers.values():
            try:
                await deliverer.close()
            except Exception as error:  # noqa: BLE001 - the others are closed first
                errors.append(error)
        if errors:
            raise errors[0]

    async def _settled(self, name: str, head: Position) -> None:
        async def wait() -> None:
            await self._quiet[name].rendered.reach(head)
            await self._quiet[name].wait()

        await self._roles[name].until_ended_or(wait)

    def _maker_of(self, definition: EffectDefinition) -> Callable[[], Actor[Any]]:
        def create() -> Actor[Any]:
            batch = self._config.effects.batch
            return EffectConsumer(
                self._domain,
                definition,
                self._feed,
                self._stores.effects,
                self._deliverers[definition.name],
                self._projected,
                self._quiet[definition.name],
                self._space,
                self._clock,
                start=self._starts[definition.name],
                mailbox=batch * 2,
                batch=batch,
                keep_done=self._config.effects.keep_done,
                url=self._url,
            )

        return create

    def _deliverer_for(self, definition: EffectDefinition) -> Deliverer:
        if definition.kind == "email":
            return self._stores.outbox.mailer(self._config.mail, self._clock)
        if definition.kind == "purge":
            return self._stores.outbox.purger(self._config.cdn, self._clock)
        return FunctionDeliverer(self._domain, definition, self._stores.events)
