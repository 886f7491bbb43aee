"""A number that only rises, and those who wait for it to reach a height: a cursor that others watch."""

import heapq
from itertools import count

from .demand import Demand
from .reply import Reply

__all__ = ["Watermark"]


class Watermark:
    """How far something has come. It belongs to a role, so it outlives the actors that raise it."""

    def __init__(self, value: int = 0, demand: Demand | None = None) -> None:
        """Begin at `value`; those who `reach` for more are a part of `demand` while they wait."""
        self._value = value
        self._demand = Demand() if demand is None else demand
        self._order = count()
        self._waiting: list[tuple[int, int, Reply[int]]] = []

    @property
    def value(self) -> int:
        """The height that was reached."""
        return self._value

    def rise(self, value: int) -> None:
        """Raise it to `value` and wake those who waited for that; a lower value changes nothing."""
        self._value = max(self._value, value)
        while self._waiting and self._waiting[0][0] <= self._value:
            heapq.heappop(self._waiting)[2].give(self._value)

    async def reach(self, value: int) -> int:
        """Return the height once it is `value` or more, and ask for haste until then."""
        if self._value >= value:
            return self._value
        self._demand.rise()
        try:
            return await self.watch(value)
        finally:
            self._demand.fall()

    async def watch(self, value: int) -> int:
        """Return the height once it is `value` or more, whenever that may be."""
        if self._value >= value:
            return self._value
        reply: Reply[int] = Reply()
        waiting = value, next(self._order), reply
        heapq.heappush(self._waiting, waiting)
        try:
            return await reply.wait()
        finally:
            if self._value < value:  # whoever gives up leaves nothing behind
                self._waiting.remove(waiting)
                heapq.heapify(self._waiting)
