"""The rebuilder: fills another generation of the read database while one serves, and then lets it serve.

Only projections replay: no consumer of effects sees anything of it. Whatever ends a rebuild early, the generation that
serves goes on to serve, and what was filled so far is gone.
"""

from collections.abc import Callable, Sequence

from anyio import CancelScope, Lock
from msgspec import Struct

from ..stores.errors import Corruption, NoPreviousGeneration, StorageFailed, TwofoldError
from ..stores.protocols import EventStore, ReadStore
from ..stores.records import Position
from .definitions import Domain
from .filling import Filling, RebuildProgress, Report
from .kernel.actor import Actor
from .kernel.clock import Clock
from .kernel.reply import Reply
from .kernel.watermark import Watermark

__all__ = ["Rebuild", "RebuildStopped", "Rebuilder", "Rebuilt", "rebuild"]

LAST_STEP = 500
"""Events; so near the end the projector waits until the new generation has what is left, and serves."""


class RebuildStopped(TwofoldError):
    """The process stopped in the middle of a rebuild."""

    def __init__(self) -> None:
        super().__init__("The rebuild was stopped together with the process. The old generation serves; start it anew.")


class Rebuilt(Struct, frozen=True):
    """A rebuild that is done."""

    position: Position
    """Where the read database was when the generation came to serve."""
    events: int
    """How many events were applied."""
    seconds: float


class Rebuild:
    """A request for a rebuild, as a message with its answer."""

    def __init__(self, report: Report, *, back: bool) -> None:
        """Ask for a new generation or, `back`, for the one that served before."""
        self.report = report
        self.back = back
        self.reply: Reply[Rebuilt] = Reply()
        self.scope = CancelScope()
        """Cancelled once nobody waits for the answer."""


class Rebuilder(Actor[Rebuild]):
    """Rebuilds when it is told to, one rebuild at a time."""

    def __init__(
        self,
        domain: Domain,
        events: EventStore,
        read: ReadStore,
        projected: Watermark,
        handled: Watermark,
        applying: Lock,
        clock: Clock,
    ) -> None:
        super().__init__(clock, mailbox=1, batch=1)
        self._domain = domain
        self._events = events
        self._read = read
        self._projected = projected
        self._handled = handled
        self._applying = applying
        self.progress: RebuildProgress | None = None
        """``None`` while nothing is rebuilt."""

    async def handle(self, messages: Sequence[Rebuild]) -> None:
        for request in messages:
            with request.scope:
                await self._answer(request)

    def stop(self, unhandled: Sequence[Rebuild]) -> None:
        for request in unhandled:
            request.reply.fail(RebuildStopped())

    async def _answer(self, request: Rebuild) -> None:
        """Give the answer. Only what must end the process is raised as well."""

        def report(progress: RebuildProgress) -> None:
            self.progress = progress
            self.cursor = progress.done
            request.report(progress)

        self.progress = RebuildProgress(0, self._projected.value, None)
        try:
            rebuilt = await rebuild(
                self._domain,
                self._events,
                self._read,
                self.clock,
                back=request.back,
                end=lambda: self._projected.value,
                applying=self._applying,
                report=report,
                handled=lambda: self._handled.value,
            )
            request.reply.give(rebuilt)
        except Exception as error:
            request.reply.fail(error)
            if isinstance(error, StorageFailed | Corruption):
                raise
        finally:
            self.progress = None
            request.reply.fail(RebuildStopped())  # unless there is an answer already


async def rebuild(
    domain: Domain,
    events: EventStore,
    read: ReadStore,
    clock: Clock,
    *,
    back: bool,
    end: Callable[[], Position],
    applying: Lock,
    report: Report,
    handled: Callable[[], int],
) -> Rebuilt:
    """Fill a new generation or, `back`, bring the one before up to date, and let it serve.

    `end` tells the position of the generation that serves, or a later one; with `applying` in hand it stands still.

    Raises:
        ProjectionFailed: a projection failed; its name and the position are in the error.
        NoPreviousGeneration: there is no way back.
        DiskFull, StorageFailed: the device.
    """
    began = clock.monotonic()
    async with read.previous_generation() if back else read.new_generation() as generation:
        start = await generation.position()
        if start > (head := (await events.head()).position):
            raise NoPreviousGeneration(f"it is at position {start}, and the events end at {head}")
        filling = Filling(domain, events, generation, start, clock, end=end, report=report, handled=handled)
        await filling.catch_up(LAST_STEP)
        async with applying:
            await filling.finish()
            await read.serve(generation)
    return Rebuilt(filling.position, filling.position - start, round(clock.monotonic() - began, 3))
