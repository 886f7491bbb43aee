"""Rebuilding the read database of one runtime: on request beside the generation that serves, or at the start."""

from collections.abc import Callable, Sequence

from anyio import Lock

from ..actors.definitions import Domain
from ..actors.filling import RebuildProgress, Report
from ..actors.kernel.clock import Clock
from ..actors.kernel.mailbox import MailboxClosed
from ..actors.kernel.supervisor import Role
from ..actors.kernel.watermark import Watermark
from ..actors.rebuilder import Rebuild, Rebuilder, RebuildStopped, Rebuilt
from ..actors.statistics import RoleStatistics, statistics_of
from ..stores.errors import TwofoldError
from ..stores.records import Position
from .queries import Rebuilding
from .stores import Stores

__all__ = ["RebuildUnderWay", "Rebuilds"]


class RebuildUnderWay(TwofoldError):
    """A rebuild was asked for while another one is under way."""

    def __init__(self, progress: RebuildProgress) -> None:
        self.progress = progress
        super().__init__(
            f"The read database is being rebuilt already, {progress.done} events of {progress.total} are done. "
            "Wait for its end."
        )


class Rebuilds:
    """The rebuilder's role, and the filling of a generation that a start has begun.

    Such a generation serves at once, for nothing else could; so it answers no query before it has reached the head
    that was found at open. The projector fills it, and a start after that goes on where it was.
    """

    def __init__(
        self,
        domain: Domain,
        clock: Clock,
        stores: Stores,
        head: Position,
        projected: Watermark,
        handled: Watermark,
        applying: Lock,
        make_role: Callable[..., Role],
    ) -> None:
        """Make the role; `head` is where the events end at open."""

        def create() -> Rebuilder:
            return Rebuilder(domain, stores.events, stores.read, projected, handled, applying, clock)

        self.role = make_role("rebuilder", create, core=False)
        self._clock = clock
        self._stores = stores
        self._head = head
        self._projected = projected
        self._fills = not stores.read.is_filled
        self._start: tuple[float, Position] = clock.monotonic(), 0

    @property
    def fills(self) -> bool:
        """Whether the generation that serves was never filled to the end of the events."""
        return self._fills

    def begin(self) -> None:
        """Take note of where the filling begins, once the projector knows it."""
        self._start = self._clock.monotonic(), self._projected.value

    async def end(self) -> None:
        """Note, durably, that the generation that serves is filled."""
        await self._stores.read.mark_filled()
        self._fills = False

    def refuse_while_filling(self) -> None:
        """Refuse a query of a generation that is not filled yet.

        Raises:
            Rebuilding: it is not; how far it is stands in the error.
        """
        if self._fills and self._projected.value < self._head:
            raise Rebuilding(self._projected.value, self._head)

    def progress(self) -> RebuildProgress | None:
        """Return how far a rebuild is, or ``None`` where none is under way."""
        if not self._fills:
            rebuilder: Rebuilder = self.role.actor  # type: ignore[assignment]
            return rebuilder.progress
        began, start = self._start
        filled, seconds = self._projected.value - start, self._clock.monotonic() - began
        left = max(0, self._head - self._projected.value)
        return RebuildProgress(self._projected.value, self._head, round(left * seconds / filled, 1) if filled else None)

    def statistics(self) -> Sequence[RoleStatistics]:
        """Return how the rebuilder is doing, while it is doing something."""
        rebuilder: Rebuilder = self.role.actor  # type: ignore[assignment]
        return () if rebuilder.progress is None else (statistics_of(self.role, rebuilder.progress.total),)

    async def rebuild(self, report: Report, *, back: bool) -> Rebuilt:
        """Rebuild, and return once the other generation serves; raises as `rebuild` of the rebuilder does.

        Raises:
            RebuildUnderWay: there is one already.
            RebuildStopped: the runtime stops.
        """
        if (under_way := self.progress()) is not None:
            raise RebuildUnderWay(under_way)
        request = Rebuild(report, back=back)
        try:
            await self.role.send(request)
            return await request.reply.wait()
        except MailboxClosed:
            raise RebuildStopped from None
        finally:
            request.scope.cancel()
