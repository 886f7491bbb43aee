"""Runtime: opens the stores, starts the actors, and stops them in order."""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import anyio
import msgspec
from anyio import CancelScope

from ..actors.domain import Answer
from ..actors.filling import RebuildProgress, Report
from ..actors.kernel.clock import Clock, SystemClock
from ..actors.kernel.deadlines import Deadlines
from ..actors.kernel.mailbox import MailboxClosed, MailboxFull
from ..actors.rebuilder import Rebuilt
from ..actors.statistics import RoleStatistics
from ..actors.submission import NotAccepted, OutcomeUnknown, Overloaded, Receipt, Stage, Stopping, Submission
from ..stores.records import Outcome, Position, StreamId, Version
from .announcements import Announcements
from .app import App
from .config import Config
from .failures import FATAL, NotRunning, failure_of
from .history import RecordedEvent, StreamState, history_of, state_of
from .pipeline import Pipeline
from .queries import ask
from .stores import OpenStores, Stores, open_folder
from .submitting import check_timeout, check_wait, ids_for

__all__ = ["Runtime"]


class Runtime:
    """A domain at work: `async with Runtime(app, config) as runtime`.

    It starts no server, installs no signal handler and configures no logging. Leaving the block stops everything in
    order: what was accepted is handled and projected first, up to `stop_limit` seconds; what is left then waits in
    the log for the next start. When a core role fails for good, the block is cancelled and the failure raised from it.
    Outside the block every method raises `NotRunning`.

    Raises:
        Locked, FolderRefused, SchemaTooNew, LedgerGone, DiskFull: it cannot start.
        Corruption, StorageFailed: the data folder is damaged, or its device failed.
        CoreFailed: the validator or the command handler failed again and again.
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
        self._deadlines = Deadlines(self._clock)
        self._stack = AsyncExitStack()
        self._announcements: Announcements
        self._stores: Stores
        self._pipeline: Pipeline
        self._head_at_open: Position = 0
        self._is_running = False

    async def __aenter__(self) -> Self:
        self._announcements = Announcements(self._clock, self._config.data.dir)
        try:
            async with AsyncExitStack() as stack:
                stack.callback(self._announcements.stopped)
                self._stores = await stack.enter_async_context(self._open_stores(self._config, self._domain))
                self._head_at_open = (await self._stores.events.head()).position
                self._pipeline = Pipeline(self._domain, self._config, self._clock, self._stores, self._head_at_open)
                await self._pipeline.start(await stack.enter_async_context(anyio.create_task_group()))
                self._announcements.started(self._pipeline.progress())
                self._stack = stack.pop_all()
        except BaseExceptionGroup as group:
            raise failure_of(group) from group
        self._is_running = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        with CancelScope(shield=True), self._announcements.stopping(self._pipeline.progress):
            await self._pipeline.stop(self._stop_limit)
        try:
            return await self._stack.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            worst = group.subgroup(FATAL)
            if worst is not None:
                raise failure_of(worst) from group
            _, others = group.split(lambda each: each is error)
            if others is not None:
                raise
            return False  # the block's own error passes through as it is
        finally:
            self._is_running = False

    @property
    def _at_work(self) -> Pipeline:
        if not self._is_running:
            raise NotRunning
        return self._pipeline

    @property
    def _running_stores(self) -> Stores:
        if not self._is_running:
            raise NotRunning
        return self._stores

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
            ValueError: `wait` is no stage, or `timeout` no time.
        """
        validator = self._at_work.validator
        check_wait(wait)
        check_timeout(timeout)
        submission = Submission(
            command,
            command_id=command_id,
            wait=wait,
            expected_version=expected_version,
            principal=principal,
            correlation_id=correlation_id,
        )
        try:
            validator.tell(submission)
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

        Raises:
            ValueError: `wait` is no stage, `timeout` no time, or the `command_ids` are not as many as the commands.
        """
        validator = self._at_work.validator
        check_wait(wait)
        check_timeout(timeout)
        commands = list(commands)
        submissions = [
            Submission(command, command_id=command_id, wait=wait, principal=principal, correlation_id=correlation_id)
            for command, command_id in zip(commands, ids_for(commands, command_ids), strict=True)
        ]
        for submission in submissions:
            try:
                await validator.send(submission)
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
            Rebuilding: the read database is filled anew since the start, and has not reached that head.
            NotProjected: the read database did not get there within `timeout` seconds.
            ProjectorHalted: it will not get there, because a projection failed.
            QueryFailed, QueryTimeout, StatementFailed, ForeignAwait: it could not be answered.
        """
        pipeline = self._at_work
        check_timeout(timeout)
        pipeline.refuse_while_filling()
        await pipeline.reach(max(min_position or 0, self._head_at_open), timeout)
        answer = await ask(self._domain, self._stores.read, name, parameters)
        if pipeline.projector.state != "halted":
            return answer
        return msgspec.structs.replace(answer, projector_halted=str(pipeline.projector.failure))

    async def history(self, stream: StreamId) -> list[RecordedEvent]:
        """Return all events of a stream, oldest first.

        Raises:
            UnknownStream: there are none.
            UnreadableStream: one of them does not decode.
        """
        return await history_of(self._domain, self._running_stores.events, stream)

    async def state(
        self, stream: StreamId, *, version: Version | None = None, at: datetime | None = None
    ) -> StreamState:
        """Return a stream's state: the newest one, that after its event `version`, or that at the time `at`.

        Raises:
            UnknownStream, NoSuchVersion: there is no such stream or version.
            UnreadableStream: one of its events does not decode, or `evolve` raises at it.
            ValueError: both were asked for, a version below 0, or a time without a time zone.
        """
        return await state_of(self._domain, self._running_stores.events, stream, version=version, at=at)

    async def outcome(self, command_id: str) -> Outcome | None:
        """Return what became of a command, or ``None`` while it is not handled or was never accepted."""
        return (await self._running_stores.events.outcomes([command_id])).get(command_id)

    async def settled(self) -> None:
        """Return once all that was accepted before the call is handled, and its events are projected.

        Raises:
            ProjectorHalted: that will not happen, because a projection failed.
        """
        await self._at_work.settled()

    async def release_effects(self, effect_ids: Sequence[str], *, again: bool) -> int:
        """Try parked effects `again`, or give them up, and return how many that were.

        Raises:
            WrongEffectState: one of them is not parked; none was released.
        """
        return await self._at_work.effects.release(effect_ids, again=again)

    async def resume_consumer(self, name: str) -> None:
        """Let a paused consumer send again, after the access was mended.

        Raises:
            UnknownConsumerName: there is none of that name.
        """
        await self._at_work.effects.resume(name)

    async def rebuild(self, progress: Report = lambda _progress: None) -> Rebuilt:
        """Fill a new generation of the read database from the first event on, and let it serve.

        The old one serves meanwhile, and is kept: `rebuild_back` returns to it. `progress` is called after each step.
        No effect fires. Whatever ends a rebuild early, a cancelled caller included, leaves the old one serving.

        Raises:
            ProjectionFailed, UnknownEvent: an event cannot be projected; the error says why, and where.
            RebuildUnderWay: there is one already, or the start has begun one that is not done.
            RebuildStopped: the runtime stopped before its end.
            DiskFull: there is no room for a second generation.
        """
        return await self._at_work.rebuilds.rebuild(progress, back=False)

    async def rebuild_back(self, progress: Report = lambda _progress: None) -> Rebuilt:
        """Let the generation that served before serve again, once it has caught up; raises as `rebuild` does.

        Raises:
            NoPreviousGeneration: none is kept, it is damaged, or it was built by other projections.
        """
        return await self._at_work.rebuilds.rebuild(progress, back=True)

    def rebuilding(self) -> RebuildProgress | None:
        """Return how far a rebuild is, asked for or begun by the start; ``None`` where none is under way."""
        return self._at_work.rebuilds.progress()

    def statistics(self) -> Sequence[RoleStatistics]:
        """Return how each role is doing, at this moment."""
        return self._at_work.statistics()
