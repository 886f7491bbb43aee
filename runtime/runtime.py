"""Runtime: what can be asked of a domain at work."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ..actors.domain import Answer
from ..actors.filling import RebuildProgress, Report
from ..actors.rebuilder import Rebuilt
from ..actors.statistics import RoleStatistics
from ..stores.effect_records import EffectRecord, EffectState
from ..stores.records import Outcome, Position, StreamId, Version
from .effect_search import search_effects
from .effects import Resumed
from .history import RecordedEvent, StreamState, history_of, state_of
from .intake import Intake
from .queries import ask
from .readiness import NOT_RUNNING, Readiness
from .submitting import check_timeout

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["Runtime"]


class Runtime(Intake):
    """A domain at work: `async with Runtime(app, config) as runtime`.

    It starts no server, installs no signal handler and configures no logging. Leaving the block stops everything in
    order: what was accepted is handled and projected first, up to `stop_limit` seconds; what is left then waits in
    the log for the next start. When a core role fails for good, the block is cancelled and the failure raised from it.
    Outside the block every method raises `NotRunning`, but for `readiness` and `asgi`.

    Raises:
        Locked, FolderRefused, SchemaTooNew, LedgerGone, DiskFull: it cannot start.
        Corruption, StorageFailed: the data folder is damaged, or its device failed.
        CoreFailed: the validator or the command handler failed again and again.
    """

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
        return await self._query(name, parameters, min_position, timeout, strict=True)

    async def query_text(
        self,
        name: str,
        parameters: Mapping[str, str],
        *,
        min_position: Position | None = None,
        timeout: float | None = 30.0,
    ) -> Answer:
        """Run a query whose parameters are texts, as they come in a URL; otherwise as `query` does."""
        return await self._query(name, parameters, min_position, timeout, strict=False)

    async def history(self, stream: StreamId, *, after: Version = 0, limit: int | None = None) -> list[RecordedEvent]:
        """Return the events of a stream past version `after`, oldest first, and no more than `limit`.

        Raises:
            UnknownStream: it never had any.
            UnreadableStream: one of them does not decode.
        """
        return await history_of(self._domain, self._running_stores.events, stream, after=after, limit=limit)

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

    def readiness(self) -> Readiness:
        """Return whether everything is at work, what is not, and how far log, events and read database are."""
        return self._pipeline.readiness() if self._is_running else NOT_RUNNING

    def asgi(self) -> "ASGIApp":
        """Return the HTTP interface as an application to mount in another one, or to serve, while this runs.

        Nobody tells it that the server around it stops: a row of commands that is still being read then ends by itself
        once this runtime has stopped, or after the time for which a client may be silent.
        """
        from .http.application import Application  # noqa: PLC0415 - Starlette loads on first use

        return Application(self)

    async def settled(self) -> None:
        """Return once all that was accepted before the call is handled, and its events are projected.

        Raises:
            ProjectorHalted: that will not happen, because a projection failed.
        """
        await self._at_work.settled()

    async def effects(
        self,
        *,
        consumer: str | None = None,
        states: Collection[EffectState] = (),
        effect_ids: Collection[str] = (),
        limit: int = 100,
        payloads: bool = True,
    ) -> Sequence[EffectRecord]:
        """Return up to `limit` effects that fit all that is given, oldest first, as the ledger has them.

        Without `payloads` what was rendered is left out, which may be large.

        Raises:
            UnknownConsumerName, UnknownEffect: the ledger has none of that name, or of one of the ids.
        """
        ledger = self._running_stores.effects
        return await search_effects(
            ledger, consumer=consumer, states=states, effect_ids=effect_ids, limit=limit, payloads=payloads
        )

    async def release_effects(self, effect_ids: Sequence[str], *, again: bool) -> int:
        """Try parked effects `again`, or give them up, and return how many that were.

        Raises:
            UnknownEffect, WrongEffectState: one of them is not there, or is not parked; none was released.
        """
        return await self._at_work.effects.release(effect_ids, again=again)

    async def resume_consumer(self, name: str) -> Resumed:
        """Let a paused consumer send again, after the access was mended, and return what it has to send.

        Raises:
            UnknownConsumerName: there is none of that name.
            ConsumerHalted: it failed for good, and only a restart of the process helps.
        """
        return await self._at_work.effects.resume(name)

    async def effects_to_send(self) -> Mapping[str, int]:
        """Return how many effects each consumer has to send, of those that have some which need nobody's help."""
        return await self._at_work.effects.to_send()

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

    async def _query(
        self,
        name: str,
        parameters: Mapping[str, object],
        min_position: Position | None,
        timeout: float | None,
        *,
        strict: bool,
    ) -> Answer:
        pipeline = self._at_work
        check_timeout(timeout)
        pipeline.refuse_while_filling()
        await pipeline.reach(max(min_position or 0, self._head_at_open), timeout)
        answer = await ask(self._domain, self._stores.read, name, parameters, strict=strict)
        halted = pipeline.why_projector_halted
        return answer if halted is None else msgspec.structs.replace(answer, projector_halted=halted)
