"""Filling a generation of the read database with what the projections make of the events, in large steps.

The events come from the store itself, so the feed's memory is left to those who keep up. While commands are handled
the steps are small and each is followed by a rest, so that commands lose at most a third of their rate; while none
are, the steps are large and there is no rest.
"""

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
REST = 2.0
"""So many times as long as a step took is the rest after it, while commands are handled."""


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
        report: Report,
        handled: Callable[[], int],
    ) -> None:
        """Fill `generation` from its `position` on; `handled` tells how many commands are handled by now."""
        self.position = position
        self._domain = domain
        self._events = events
        self._generation = generation
        self._clock = clock
        self._report = report
        self._handled = handled
        self._handled_before = handled()
        self._start = position
        self._began = clock.monotonic()

    async def fill(self, end: Position, *, may_rest: bool = True) -> None:
        """Apply the events up to position `end`.

        Raises:
            ProjectionFailed: a projection raised, or made a statement that was refused.
            DiskFull, StorageFailed: the device.
        """
        while self.position < end:
            rests = self._commands_were_handled() and may_rest
            step = min(PAGE_BESIDE_COMMANDS if rests else PAGE, end - self.position)
            began = self._clock.monotonic()
            await apply_events(self._domain, await self._events.read(self.position, step), self._write)
            self._report(self.progress(end))
            if rests:
                await self._clock.sleep(REST * (self._clock.monotonic() - began))

    def progress(self, end: Position) -> RebuildProgress:
        """Return how far it has come, if it is to come to `end`."""
        done, seconds = self.position - self._start, self._clock.monotonic() - self._began
        left = max(0, end - self.position)
        return RebuildProgress(self.position, end, round(left * seconds / done, 1) if done else None)

    def _commands_were_handled(self) -> bool:
        before, self._handled_before = self._handled_before, self._handled()
        return before != self._handled_before

    async def _write(self, statements: Sequence[Statement], position: Position) -> None:
        await self._generation.apply(statements, expected=self.position, position=position)
        self.position = position
