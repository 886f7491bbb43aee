"""The event feed: the store's events in one order, for any number of consumers at their own pace.

The newest events are kept in memory as they are committed, so that a consumer that keeps up reads no disk; one that
is behind reads the write database. They are few: what is let go while it is still in the processor's cache costs a
fraction of what it costs later, and with four times as many a command takes 4 % more time.
"""

from collections.abc import Sequence
from typing import Any

from ..stores.protocols import EventStore
from ..stores.records import EventRecord, Position
from .kernel.watermark import Watermark

__all__ = ["EventFeed"]


class EventFeed:
    """Events after a position, and word of new ones."""

    def __init__(self, store: EventStore, head: Position, *, kept: int = 1024) -> None:
        """Keep the newest `kept` events in memory, or the newest batch of commands' whole, however many that are."""
        self._store = store
        self._head = Watermark(head)
        self._kept = kept
        self._newest: list[EventRecord] = []
        self._decoded: list[Any | None] = []

    @property
    def head(self) -> Position:
        """The position of the newest event."""
        return self._head.value

    def publish(self, events: Sequence[EventRecord], decoded: Sequence[Any | None]) -> None:
        """Hand on events that were just committed, each with itself decoded where it may be shared."""
        if not events:
            return
        past = max(0, len(self._newest) + len(events) - self._kept)
        del self._newest[:past]
        del self._decoded[:past]
        self._newest += events
        self._decoded += decoded
        self._head.rise(events[-1].position)

    async def read(self, after: Position, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events that follow position `after`, in order, without gaps."""
        if self._newest and after + 1 >= self._newest[0].position:
            start = after + 1 - self._newest[0].position
            return self._newest[start : start + limit]
        return await self._store.read(after, limit)

    def decoded(self, events: Sequence[EventRecord]) -> Sequence[Any | None]:
        """Return each of `events`, a run without gaps, as it comes back from its data.

        It is ``None`` for each where the run begins before what is in memory, or an event may not be shared.
        """
        start = events[0].position - self._newest[0].position if self._newest else -1
        if start < 0 or start + len(events) > len(self._decoded):
            return [None] * len(events)
        return self._decoded[start : start + len(events)]

    async def wait(self, after: Position) -> None:
        """Return as soon as there is an event past position `after`."""
        await self._head.watch(after + 1)
