"""Which effects of a consumer may be tried now: in their order, after their delays, past nothing that is parked.

Effects lie in lanes, one for each stream, and only the first of a lane may leave: so the effects of a stream keep
their order, and one that is parked holds back those behind it in its own lane and nobody else. A consumer that needs
no order has a lane for each effect. All times are the monotonic clock's, so a wall clock that jumps moves nothing.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from ..stores.records import Position, StreamId

__all__ = ["Schedule", "Scheduled"]

Place: TypeAlias = tuple[Position, int]


class Scheduled(Struct, frozen=True, gc=False):
    """An effect that is to be tried."""

    effect_id: str
    position: Position
    ordinal: int
    stream: StreamId
    failures: int = 0
    """How many attempts failed by this effect; not those that were held up with all of its consumer's."""


class Schedule:
    """The unfinished effects of one consumer."""

    def __init__(self, *, by_stream: bool) -> None:
        self._by_stream = by_stream
        self._first: dict[str, Scheduled] = {}
        """The first effect of each lane."""
        self._behind: dict[str, deque[Scheduled]] = {}
        """What comes after it, where there is any: in a long backlog most lanes hold one effect."""
        self._delayed: list[tuple[float, Place, Scheduled]] = []
        self._ready: list[tuple[Place, Scheduled]] = []
        self._taken = 0
        self._parked: dict[str, str] = {}
        """The lane of each effect that is parked."""

    @property
    def waiting(self) -> int:
        """How many effects could be tried, now or after their delay, without anybody's help."""
        return len(self._ready) + len(self._delayed) + self._taken

    @property
    def taken(self) -> int:
        """How many are being tried."""
        return self._taken

    def add(self, effect: Scheduled, due: float) -> None:
        """Add an effect behind all others of its lane; it may be tried from `due` on."""
        if self._line_up(effect):
            heapq.heappush(self._delayed, (due, _place(effect), effect))

    def add_parked(self, effect: Scheduled) -> None:
        """Add an effect that is parked: it holds back what comes behind it in its lane."""
        self._line_up(effect)
        self._parked[effect.effect_id] = self._lane_of(effect)

    def take(self, limit: int, now: float, upto: Position) -> list[Scheduled]:
        """Take up to `limit` effects that are due and whose events are at `upto` or before it, oldest first."""
        while self._delayed and self._delayed[0][0] <= now:
            _, place, effect = heapq.heappop(self._delayed)
            heapq.heappush(self._ready, (place, effect))
        found: list[Scheduled] = []
        while self._ready and len(found) < limit and self._ready[0][0][0] <= upto:
            found.append(heapq.heappop(self._ready)[1])
        self._taken += len(found)
        return found

    def next_due(self) -> float | None:
        """Return when the next delay ends, or ``None`` where nothing is delayed."""
        return self._delayed[0][0] if self._delayed else None

    def finish(self, effect: Scheduled, now: float) -> None:
        """Note that a taken effect is done; the next one of its lane may be tried."""
        self._taken -= 1
        self._drop_first(self._lane_of(effect), now)

    def delay(self, effect: Scheduled, due: float, *, failed: bool) -> None:
        """Note that a taken effect is to be tried again at `due`, having `failed` or not; its lane waits for it."""
        self._taken -= 1
        failures = effect.failures + failed
        again = Scheduled(effect.effect_id, effect.position, effect.ordinal, effect.stream, failures)
        self._first[self._lane_of(effect)] = again
        heapq.heappush(self._delayed, (due, _place(again), again))

    def park(self, effect: Scheduled) -> None:
        """Note that a taken effect is parked; its lane waits for an operator."""
        self._taken -= 1
        self._parked[effect.effect_id] = self._lane_of(effect)

    def release(self, effect_id: str, now: float, *, again: bool, more: Sequence[Scheduled] = ()) -> None:
        """Take an effect out of its parking: to be tried `again` from the first attempt on, or to be given up.

        `more` are effects of the same event that come right behind it.
        """
        key = self._parked.pop(effect_id, None)
        if key is None:
            return
        self._line_up_behind(key, effect_id, more, now)
        first = self._first[key]
        if first.effect_id != effect_id:
            self._release_behind(key, effect_id, again=again)
        elif again:
            self._first[key] = Scheduled(effect_id, first.position, first.ordinal, first.stream)
            self._open(key, now)
        else:
            self._drop_first(key, now)

    def _line_up_behind(self, key: str, effect_id: str, more: Sequence[Scheduled], now: float) -> None:
        """Put `more` into the lane right behind the effect, before all that came after its event."""
        if not self._by_stream:
            for each in more:
                self.add(each, now)
        elif more:
            behind = self._behind.setdefault(key, deque())
            start = 0
            if self._first[key].effect_id != effect_id:
                start = 1 + next(index for index, effect in enumerate(behind) if effect.effect_id == effect_id)
            for offset, each in enumerate(more):
                behind.insert(start + offset, each)

    def _release_behind(self, key: str, effect_id: str, *, again: bool) -> None:
        behind = self._behind[key]
        index = next(index for index, effect in enumerate(behind) if effect.effect_id == effect_id)
        if again:
            parked = behind[index]
            behind[index] = Scheduled(effect_id, parked.position, parked.ordinal, parked.stream)
        else:
            del behind[index]
            if not behind:
                del self._behind[key]

    def _line_up(self, effect: Scheduled) -> bool:
        """Put an effect into its lane and return whether it is the first one there."""
        key = self._lane_of(effect)
        if key not in self._first:
            self._first[key] = effect
            return True
        self._behind.setdefault(key, deque()).append(effect)
        return False

    def _drop_first(self, key: str, now: float) -> None:
        """Let the next effect of a lane be the first; an empty lane goes."""
        behind = self._behind.get(key)
        if behind is None:
            del self._first[key]
            return
        self._first[key] = behind.popleft()
        if not behind:
            del self._behind[key]
        self._open(key, now)

    def _open(self, key: str, now: float) -> None:
        """Let the first effect of a lane be tried, unless it is parked."""
        first = self._first[key]
        if first.effect_id not in self._parked:
            heapq.heappush(self._delayed, (now, _place(first), first))

    def _lane_of(self, effect: Scheduled) -> str:
        return effect.stream if self._by_stream else effect.effect_id


def _place(effect: Scheduled) -> Place:
    return effect.position, effect.ordinal
