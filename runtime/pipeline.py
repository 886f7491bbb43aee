"""The pipeline of one runtime: its actors over the open stores, how they are wired, started, awaited and stopped."""

from collections.abc import Callable, Sequence
from typing import Any

import anyio
from anyio import CancelScope, Lock
from anyio.abc import TaskGroup
from msgspec import structs

from ..actors.command_handler import CommandHandler
from ..actors.definitions import Domain
from ..actors.domain import Answer
from ..actors.event_feed import EventFeed
from ..actors.in_flight import InFlight
from ..actors.kernel.actor import Actor
from ..actors.kernel.clock import Clock
from ..actors.kernel.supervisor import RestartPolicy, Role
from ..actors.kernel.watermark import Watermark
from ..actors.projector import Projector, told_outside
from ..actors.space import Space
from ..actors.statistics import RoleStatistics, statistics_of
from ..actors.validator import Validator
from ..stores.errors import Corruption, StorageFailed
from ..stores.records import Position
from .announcements import Progress
from .config import Config
from .effects import Effects
from .queries import NotProjected, ProjectorHalted, Rebuilding, ask
from .readiness import Readiness, troubles_of
from .rebuilds import Rebuilds
from .stores import Stores

__all__ = ["Pipeline"]


class Pipeline:
    """Validator, command handler, projector and rebuilder, with what outlives each of their actors."""

    def __init__(
        self, domain: Domain, config: Config, clock: Clock, stores: Stores, head: Position, url: str | None
    ) -> None:
        """Wire the actors over `stores`, whose history ends at `head`, in a process that takes requests at `url`."""
        self._domain = domain
        self._config = config
        self._clock = clock
        self._stores = stores
        self.feed = EventFeed(stores.events, head)
        self.in_flight = InFlight()
        self.handled = Watermark(demand=self.in_flight.handling)
        self.projected = Watermark(demand=self.in_flight.projecting)
        self._space = Space(clock)
        self._end_of_filling = CancelScope()
        self._applying = Lock()
        self.projector = self._role("projector", self._new_projector, core=False, halted=self._projection_halted)
        self.handler = self._role("command handler", self._new_handler, core=True)
        self.validator = self._role("validator", self._new_validator, core=True)
        self.rebuilds = Rebuilds(domain, clock, stores, head, self.projected, self.handled, self._applying, self._role)
        self.effects = Effects(domain, config, clock, stores, self.feed, self.projected, self._space, self._role, url)

    async def start(self, tasks: TaskGroup) -> None:
        """Start each role in `tasks`, after those that it hands its work to.

        Raises:
            LedgerGone: a registered consumer has no ledger any more.
        """
        await self.effects.register(self.feed.head)
        for role in self.roles:
            await tasks.start(role.live)
        if self.rebuilds.fills:
            self.rebuilds.begin()
            tasks.start_soon(self._end_filling, self.feed.head)

    async def stop(self, limit: float) -> None:
        """Stop all in order; after `limit` seconds end them where they stand, which loses nothing."""
        self.rebuilds.role.cancel()
        await self.rebuilds.role.until_ended()
        with anyio.move_on_after(limit):
            await self.validator.stop()
            await self._until(self.handler, self.handled, self._stores.log.end())
            await self.handler.stop()
            await self._until(self.projector, self.projected, self.feed.head)
            await self.projector.stop()
            await self.effects.stop(self.feed.head)
        self._end_of_filling.cancel()
        for role in self.roles:
            role.cancel()
        for role in self.roles:
            await role.until_ended()  # whatever write it has begun may still tell its callers how it ended
        self.in_flight.fail_all()
        await self.effects.close()

    async def reach(self, position: Position, timeout: float | None) -> None:
        """Return once the read database is at `position`.

        Raises:
            NotProjected: it did not get there within `timeout` seconds.
            ProjectorHalted: it will not get there, because a projection failed.
        """
        if self.projected.value >= position:
            return
        with CancelScope() as limit:
            timer = None if timeout is None else self._clock.call_later(timeout, limit.cancel)
            try:
                await self._until(self.projector, self.projected, position)
            finally:
                if timer is not None:
                    timer.cancel()
        if self.projected.value >= position:
            return
        if self.projector.state == "halted":
            raise ProjectorHalted(self.projected.value, self.projector.failure)
        raise NotProjected(position, self.projected.value)

    def refuse_while_filling(self) -> None:
        """Refuse a query while nothing filled serves; raises `Rebuilding`."""
        if self.projector.state != "halted":
            self.rebuilds.refuse_while_filling()

    async def settled(self) -> None:
        """Return once all that is in the log by now is handled, its events are projected, and their effects are done.

        Effects that are parked, and consumers that are paused or halted, are not waited for.

        Raises:
            ProjectorHalted: that will not happen, because a projection failed.
        """
        await self._until(self.handler, self.handled, self._stores.log.end())
        head = self.feed.head
        await self.reach(head, None)
        await self.effects.settled(head)

    @property
    def why_projector_halted(self) -> str | None:
        """Why the read database stands still, where it does, as it may be told to anybody."""
        return told_outside(self.projector.failure) if self.projector.state == "halted" else None

    def progress(self) -> Progress:
        """Return how far each store is, at this moment."""
        return Progress(self._stores.log.end(), self.handled.value, self.feed.head, self.projected.value)

    def readiness(self) -> Readiness:
        """Return whether everything is at work, and how far it is."""
        troubles = troubles_of((self.validator, self.handler, self.projector))
        if self._space.is_short:
            troubles.append("The device is full: nothing is taken in before there is room.")
        try:
            self.refuse_while_filling()
        except Rebuilding as rebuilding:
            troubles.append(str(rebuilding))
        effects = tuple(self.effects.troubles())
        return Readiness(not troubles, tuple(troubles), effects, **structs.asdict(self.progress()))

    def statistics(self) -> Sequence[RoleStatistics]:
        """Return how each role is doing, at this moment."""
        accepted = self._stores.log.end()
        return (
            statistics_of(self.validator, accepted),
            statistics_of(self.handler, accepted),
            statistics_of(self.projector, self.feed.head),
            *self.effects.statistics(self.feed.head),
            *self.rebuilds.statistics(),
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """All roles, each after those that it hands its work to."""
        return (self.rebuilds.role, *self.effects.roles, self.projector, self.handler, self.validator)

    async def _until(self, role: Role, mark: Watermark, height: int) -> None:
        """Return once `mark` has reached `height`, or `role` has ended, so that it never will."""
        await role.until_ended_or(lambda: mark.reach(height))

    async def _end_filling(self, head: Position) -> None:
        """Note that the read database is filled as soon as it has reached `head`, and there is room for the note."""
        with self._end_of_filling:
            await self._until(self.projector, self.projected, head)
            if self.projected.value >= head:
                await self._space.write(self.rebuilds.end)

    def _projection_halted(self, failure: BaseException) -> None:
        self.in_flight.projection_halted(told_outside(failure))

    async def _ask(self, name: str, /, **parameters: object) -> Answer:
        self.refuse_while_filling()
        return await ask(self._domain, self._stores.read, name, parameters)

    def _role(
        self,
        name: str,
        create: Callable[[], Actor[Any]],
        *,
        core: bool,
        halted: Callable[[BaseException], None] | None = None,
    ) -> Role:
        policy = RestartPolicy(
            self._config.supervision.backoff_first,
            self._config.supervision.backoff_longest,
            self._config.supervision.restarts,
            self._config.supervision.within,
        )
        fatal = StorageFailed, Corruption
        return Role(name, create, self._clock, core=core, policy=policy, fatal=fatal, halted=halted)

    def _new_validator(self) -> Actor[Any]:
        settings = self._config.validator
        return Validator(
            self._domain,
            self._stores.log,
            self._stores.events,
            self.in_flight,
            self.handled,
            self._space,
            self._ask,
            self._clock,
            mailbox=settings.mailbox,
            batch=settings.batch,
            time_limit=settings.timeout,
            max_unhandled=settings.max_unhandled,
        )

    def _new_handler(self) -> Actor[Any]:
        settings = self._config.handler
        return CommandHandler(
            self._domain,
            self._stores.log,
            self._stores.events,
            self.feed,
            self.in_flight,
            self.handled,
            self._space,
            self._clock,
            mailbox=settings.batch * 2,
            batch=settings.batch,
            cached_states=settings.cached_states,
        )

    def _new_projector(self) -> Actor[Any]:
        settings = self._config.projector
        return Projector(
            self._domain,
            self.feed,
            self._stores.read,
            self.in_flight,
            self.projected,
            self._applying,
            self._space,
            self._clock,
            mailbox=settings.batch * 2,
            batch=settings.batch,
        )
