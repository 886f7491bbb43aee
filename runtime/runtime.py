"""Runtime: opens the stores, starts the actors, and stops them in order."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import anyio
import msgspec
from anyio import CancelScope

from ..actors.command_handler import CommandHandler
from ..actors.domain import Answer
from ..actors.event_feed import EventFeed
from ..actors.in_flight import InFlight
from ..actors.kernel.actor import Actor
from ..actors.kernel.clock import Clock, SystemClock
from ..actors.kernel.deadlines import Deadlines
from ..actors.kernel.mailbox import MailboxClosed, MailboxFull
from ..actors.kernel.supervisor import CoreRoleFailed, RestartPolicy, Role, cause_of
from ..actors.kernel.watermark import Watermark
from ..actors.projector import Projector
from ..actors.space import Space
from ..actors.statistics import RoleStatistics, statistics_of
from ..actors.submission import NotAccepted, OutcomeUnknown, Overloaded, Receipt, Stage, Stopping, Submission
from ..actors.validator import Validator
from ..stores.errors import Corruption, StorageFailed
from ..stores.records import Outcome, Position, StreamId, Version
from .app import App
from .config import Config
from .history import RecordedEvent, StreamState, history_of, state_of
from .queries import NotProjected, ProjectorHalted, ask
from .stores import OpenStores, Stores, open_folder

__all__ = ["Runtime"]

_FATAL = (StorageFailed, Corruption, CoreRoleFailed)


class Runtime:
    """A domain at work: `async with Runtime(app, config) as runtime`.

    It starts no server, installs no signal handler and configures no logging. Leaving the block stops everything in
    order: what was accepted is handled and projected first, up to `stop_limit` seconds; what is left then waits in
    the log for the next start. When a core role fails for good, the block is cancelled and the failure raised from it.
    """

    def __init__(
        self,
        app: App,
        config: Config | None = None,
        *,
        clock: Clock | None = None,
        open_stores: OpenStores = open_folder,
        stop_limit: float = 60.0,
    ) -> None:
        self._domain = app.domain()
        self._config = config or Config()
        self._clock: Clock = clock or SystemClock()
        self._open_stores = open_stores
        self._stop_limit = stop_limit
        self._handled = Watermark()
        self._projected = Watermark()
        self._in_flight = InFlight()
        self._space = Space(self._clock)
        self._deadlines = Deadlines(self._clock)
        self._stack = AsyncExitStack()
        self._stores: Stores
        self._feed: EventFeed
        self._validator: Role
        self._handler: Role
        self._projector: Role
        self._head_at_open: Position = 0

    async def __aenter__(self) -> Self:
        try:
            async with AsyncExitStack() as stack:
                self._stores = await stack.enter_async_context(self._open_stores(self._config, self._domain))
                self._head_at_open = (await self._stores.events.head()).position
                self._feed = EventFeed(self._stores.events, self._head_at_open)
                self._projector = self._role(
                    "projector", self._new_projector, core=False, halted=self._in_flight.projection_halted
                )
                self._handler = self._role("command handler", self._new_handler, core=True)
                self._validator = self._role("validator", self._new_validator, core=True)
                tasks = await stack.enter_async_context(anyio.create_task_group())
                for role in self._roles:
                    await tasks.start(role.live)
                self._stack = stack.pop_all()
        except BaseExceptionGroup as group:
            raise cause_of(group, _FATAL) from group
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        with CancelScope(shield=True):
            await self._stop_in_order()
        try:
            return await self._stack.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            worst = group.subgroup(_FATAL)
            if worst is not None:
                raise cause_of(worst) from group
            _, others = group.split(lambda each: each is error)
            if others is not None:
                raise
            return False  # the block's own error passes through as it is

    async def submit(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        expected_version: Version | None = None,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> Receipt:
        """Submit a command and return once it has come to the stage `wait`.

        `command` is an object of a registered type, or a `JsonCommand`. The same `command_id` gets the same answer,
        however often it is sent; without one, an id is made. Where `expected_version` is given, the outcome is a
        `conflict` unless the stream is at that version. After `timeout` seconds the receipt says `timed_out`, and the
        command goes on; so it does when the caller is cancelled.

        Raises:
            CommandRefused: it has faults; they are all named.
            CommandIdReused: another command has the id.
            Overloaded, Stopping, NoSpace, ValidatorTimeout, ValidatorFailed: nothing was appended.
            OutcomeUnknown: it may have been accepted or not; send it again under the same id.
        """
        submission = Submission(
            command,
            command_id=command_id,
            wait=wait,
            expected_version=expected_version,
            principal=principal,
            correlation_id=correlation_id,
        )
        try:
            self._validator.tell(submission)
        except MailboxFull:
            raise Overloaded("The validator's mailbox", self._config.validator.mailbox) from None
        except MailboxClosed:
            raise Stopping from None
        if timeout is not None:
            self._deadlines.add(submission, timeout)
        return await submission.reply.wait()

    async def submit_many(
        self,
        commands: Iterable[Any],
        *,
        command_ids: Iterable[str | None] | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> list[Receipt | NotAccepted | OutcomeUnknown]:
        """Submit commands in order, waiting for room where there is none, and return what became of each.

        What `submit` raises stands in the list in place of a receipt. `timeout` counts from the last one's submission.
        """
        commands = list(commands)
        ids: Iterable[str | None] = [None] * len(commands) if command_ids is None else command_ids
        submissions = [
            Submission(command, command_id=command_id, wait=wait, principal=principal, correlation_id=correlation_id)
            for command, command_id in zip(commands, ids, strict=True)
        ]
        for submission in submissions:
            try:
                await self._validator.send(submission)
            except MailboxClosed:
                submission.refuse(Stopping())
        answers: list[Receipt | NotAccepted | OutcomeUnknown] = []
        for submission in submissions:
            if timeout is not None:
                self._deadlines.add(submission, timeout)
        for submission in submissions:
            try:
                answers.append(await submission.reply.wait())
            except (NotAccepted, OutcomeUnknown) as error:
                answers.append(error)
        return answers

    async def query(
        self, name: str, /, *, min_position: Position | None = None, timeout: float | None = 30.0, **parameters: object
    ) -> Answer:
        """Run a query on one consistent snapshot of the read database, which is at `min_position` at least.

        A receipt's `position` is what `min_position` takes, to read what was written. After a start a query waits
        until the read database has reached the head found at open.

        Raises:
            UnknownQuery, BadParameters: the question makes no sense.
            NotProjected: the read database did not get there within `timeout` seconds.
            ProjectorHalted: it will not get there, because a projection failed.
        """
        await self._reach(max(min_position or 0, self._head_at_open), timeout)
        answer = await ask(self._domain, self._stores.read, name, parameters)
        if self._projector.state != "halted":
            return answer
        return msgspec.structs.replace(answer, projector_halted=str(self._projector.failure))

    async def history(self, stream: StreamId) -> list[RecordedEvent]:
        """Return all events of a stream, oldest first.

        Raises:
            UnknownStream: there are none.
        """
        return await history_of(self._domain, self._stores.events, stream)

    async def state(
        self, stream: StreamId, *, version: Version | None = None, at: datetime | None = None
    ) -> StreamState:
        """Return a stream's state: the newest one, that after its event `version`, or that at the time `at`.

        Raises:
            UnknownStream, NoSuchVersion: there is no such stream or version.
            ValueError: both were asked for, a version below 0, or a time without a time zone.
        """
        return await state_of(self._domain, self._stores.events, stream, version=version, at=at)

    async def outcome(self, command_id: str) -> Outcome | None:
        """Return what became of a command, or ``None`` while it is not handled or was never accepted."""
        return (await self._stores.events.outcomes([command_id])).get(command_id)

    async def settled(self) -> None:
        """Return once all that was accepted before the call is handled, and its events are projected.

        Raises:
            ProjectorHalted: that will not happen, because a projection failed.
        """
        await self._until(self._handler, self._handled, self._stores.log.end())
        await self._reach(self._feed.head, None)

    def statistics(self) -> Sequence[RoleStatistics]:
        """Return how each role is doing, at this moment."""
        accepted = self._stores.log.end()
        return (
            statistics_of(self._validator, accepted),
            statistics_of(self._handler, accepted),
            statistics_of(self._projector, self._feed.head),
        )

    @property
    def _roles(self) -> tuple[Role, ...]:
        """All roles, each after those that it hands its work to."""
        return (self._projector, self._handler, self._validator)

    async def _ask(self, name: str, /, **parameters: object) -> Answer:
        return await ask(self._domain, self._stores.read, name, parameters)

    async def _reach(self, position: Position, timeout: float | None) -> None:
        """Wait for the read database to be at `position`."""
        if self._projected.value >= position:
            return
        with CancelScope() as limit:
            timer = None if timeout is None else self._clock.call_later(timeout, limit.cancel)
            try:
                await self._until(self._projector, self._projected, position)
            finally:
                if timer is not None:
                    timer.cancel()
        if self._projected.value >= position:
            return
        if self._projector.state == "halted":
            raise ProjectorHalted(self._projected.value, self._projector.failure)
        raise NotProjected(position, self._projected.value)

    async def _until(self, role: Role, mark: Watermark, height: int) -> None:
        """Return once `mark` has reached `height`, or `role` has ended, so that it never will."""
        async with anyio.create_task_group() as tasks:

            async def give_up() -> None:
                await role.until_ended()
                tasks.cancel_scope.cancel()

            tasks.start_soon(give_up)
            await mark.reach(height)
            tasks.cancel_scope.cancel()

    async def _stop_in_order(self) -> None:
        with anyio.move_on_after(self._stop_limit):
            await self._validator.stop()
            await self._until(self._handler, self._handled, self._stores.log.end())
            await self._handler.stop()
            await self._until(self._projector, self._projected, self._feed.head)
            await self._projector.stop()
        for role in self._roles:
            role.cancel()
        for role in self._roles:
            await role.until_ended()  # whatever write it has begun may still tell its callers how it ended
        self._in_flight.fail_all()

    def _role(
        self, name: str, create: Callable[[], Actor[Any]], *, core: bool, halted: Callable[[str], None] | None = None
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
            self._in_flight,
            self._handled,
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
            self._feed,
            self._in_flight,
            self._handled,
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
            self._feed,
            self._stores.read,
            self._in_flight,
            self._projected,
            self._space,
            self._clock,
            mailbox=settings.batch * 2,
            batch=settings.batch,
        )
