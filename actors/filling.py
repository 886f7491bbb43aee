"""Filling a generation of the read database with what the projections make of the events, in large steps.

The events come from the store itself, so the feed's memory is left to those who keep up. While commands are handled
the steps are small and each is followed by a rest, so that commands lose at most a third of their rate; while none
are, the steps are large and there is no rest. Where the commands make events faster than that fills them, the rests
become shorter and the steps larger: a rebuild that never caught up would cost commands their share for ever.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from ..stores.protocols import EventStore, ReadGeneration
from ..stores.records import Position, Statement
from .definitions import Domain
from .kernel.clock import Clock
from .projector import apply_events

__all__ = ["Filling", "RebuildProgress", "Report"]

PAGE = 1_000
PAGE_BESIDE_COMMANDS = 100
"""Events; what they take of the event loop in one piece, a command waits."""
REST = 3.0
"""So many times as long as a step took is the rest after it, while commands are handled."""
IDLE_AFTER = 0.1
"""Seconds after which no command is handled any more. They come in batches: from one step to the next there may be none
just so."""
AHEAD = 2.0
"""At least so many times as fast as events are made they are filled in: the end comes nearer, whatever the load."""


class RebuildProgress(Struct, frozen=True):
    """How far a generation is filled."""

    done: Position
    total: Position
    """Where it must be to serve; it moves on while events are made."""
    seconds_left: float | None
    """As it looks by now; ``None`` while that cannot be told."""


Report: TypeAlias = Callable[[RebuildProgress], None]


class Filling:
    """One generation that is filled."""

    def __init__(
        self,
        domain: Domain,
        events: EventStore,
        generation: ReadGeneration,
        position: Position,
        clock: Clock,
        *,
        end: Callable[[], Position],
        report: Report,
        handled: Callable[[], int],
    ) -> None:
        """Fill `generation` from its `position` on to `end`; `handled` tells how many commands are handled by now."""
        self.position = position
        self._domain = domain
        self._events = events
        self._generation = generation
        self._clock = clock
        self._end = end
        self._report = report
        self._handled = handled
        self._distance = end() - position
        self._began = clock.monotonic()

    async def catch_up(self, left: int) -> None:
        """Apply events, beside the commands, until no more than `left` are missing.

        Raises:
            ProjectionFailed: a projection raised, or made a statement that was refused.
            DiskFull, StorageFailed: the device.
        """
        page, handled, made, since = PAGE_BESIDE_COMMANDS, self._handled(), self._end(), self._clock.monotonic()
        busy_until = -math.inf
        while (missing := self._end() - self.position) > left:
            began = self._clock.monotonic()
            before, handled = handled, self._handled()
            if handled != before:
                busy_until = began + IDLE_AFTER
            idle = began >= busy_until
            step = min(PAGE if idle else page, missing)
            await self._step(step)
            now = self._clock.monotonic()
            if not idle:
                came = self._end() - made
                # A rest that is longer than this would let the end run away.
                longest = step * (now - since) / (AHEAD * came) - (now - began) if came else math.inf
                page = min(2 * page, PAGE) if longest < 0 else max(page // 2, PAGE_BESIDE_COMMANDS)
                made, since = self._end(), now
                await self._clock.sleep(max(0.0, min(REST * (now - began), longest)))

    async def finish(self) -> None:
        """Apply all that is missing, without a rest: the generation that serves is held up. Raises as `catch_up`."""
        while (missing := self._end() - self.position) > 0:
            await self._step(min(PAGE, missing))

    def progress(self) -> RebuildProgress:
        """Return how far it has come."""
        seconds, end = self._clock.monotonic() - self._began, self._end()
        left, nearer = max(0, end - self.position), self._distance - (end - self.position)
        return RebuildProgress(self.position, end, round(left * seconds / nearer, 1) if nearer > 0 else None)

    async def _step(self, size: int) -> None:
        await apply_events(self._domain, await self._events.read(self.position, size), self._write)
        self._report(self.progress())

    async def _write(self, statements: Sequence[Statement], position: Position) -> None:
        await self._generation.apply(statements, expected=self.position, position=position)
        self.position = position
