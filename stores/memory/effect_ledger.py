"""The effect ledger in memory."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from time import time_ns
from typing import get_args

from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from ..effect_errors import UnknownConsumer, UnknownEffect, WrongEffectState
from ..effect_records import Conclusion, ConsumerRecord, Effect, EffectRecord, EffectState, rendered_anew
from ..errors import CommitRefused, StoreClosed, WrongCursor
from ..records import Position
from .text import check_text

__all__ = ["MemoryEffectLedger"]

FINISHED: Collection[EffectState] = ("done", "discarded")


class MemoryEffectLedger:
    """An `EffectLedger` that lasts as long as the object."""

    def __init__(self) -> None:
        self._consumers: dict[str, ConsumerRecord] = {}
        self._effects: dict[str, EffectRecord] = {}
        self._places: dict[str, dict[tuple[Position, int], str]] = {}
        """The id of the effect at each position and ordinal of a consumer."""
        self._unfinished: dict[str, list[tuple[Position, int]]] = {}
        """Where each consumer has something left to do, in order."""
        self._closed = False

    async def consumers(self) -> dict[str, ConsumerRecord]:
        await self._enter()
        return dict(sorted(self._consumers.items()))

    async def open_consumer(self, name: str, start: Position) -> ConsumerRecord:
        await self._enter()
        check_text(name)
        self._places.setdefault(name, {})
        self._unfinished.setdefault(name, [])
        return self._consumers.setdefault(name, ConsumerRecord(name, start))

    async def record(self, consumer: str, effects: Sequence[Effect], *, expected: Position, position: Position) -> None:
        await self._enter()
        known = self._consumer(consumer)
        if known.cursor != expected:
            raise WrongCursor(consumer, expected, known.cursor)
        self._check_effects(consumer, effects, expected, position)
        self._consumers[consumer] = replace(known, cursor=position)
        now = time_ns() // 1000
        self._add(effects, now)

    async def unfinished(self, consumer: str, after: tuple[Position, int], limit: int) -> Sequence[EffectRecord]:
        await self._enter()
        left = self._unfinished.get(consumer, [])
        start = bisect_right(left, after)
        return [self._effects[self._places[consumer][place]] for place in left[start : start + limit]]

    async def payloads(self, effect_ids: Collection[str]) -> dict[str, EffectRecord]:
        await self._enter()
        return {each: self._effects[each] for each in effect_ids if each in self._effects}

    async def begin(self, effect_ids: Collection[str], now: int) -> None:
        await self._enter()
        for effect in self._all_in(("pending", "retry", "sending"), effect_ids, "be begun"):
            self._put(replace(effect, state="sending", attempts=effect.attempts + 1, changed=now, due=None))

    async def conclude(self, conclusions: Sequence[Conclusion], now: int) -> None:
        await self._enter()
        ends: dict[str, Conclusion] = {}
        for each in conclusions:
            check_text(each.error, each.result)
            if each.effect_id in ends:
                raise WrongEffectState(each.effect_id, ends[each.effect_id].state, "be concluded", ("sending",))
            ends[each.effect_id] = each
        for effect in self._all_in(("sending",), ends, "be concluded"):
            end = ends[effect.effect_id]
            error = effect.error if end.error is None else end.error
            result = effect.result if end.result is None else end.result
            failures = effect.failures + end.failed
            ended = replace(effect, state=end.state, error=error, result=result, changed=now)
            self._put(replace(ended, failures=failures, due=end.due))

    async def pause(self, consumer: str, why: str | None) -> None:
        await self._enter()
        check_text(why)
        self._consumers[consumer] = replace(self._consumer(consumer), paused=why, held_until=None)

    async def hold(self, consumer: str, until: int | None) -> None:
        await self._enter()
        self._consumers[consumer] = replace(self._consumer(consumer), held_until=until)

    async def postpone(self, dues: Mapping[str, int]) -> None:
        await self._enter()
        for effect_id, due in dues.items():
            effect = self._effects.get(effect_id)
            if effect is not None and effect.state == "retry":
                self._put(replace(effect, due=due))

    async def next_attempts(self) -> dict[str, int]:
        await self._enter()
        retries = [each for each in self._effects.values() if each.state == "retry" and each.due is not None]
        return {
            name: min(each.due or 0 for each in retries if each.consumer == name)
            for name in {each.consumer for each in retries}
        }

    async def search(
        self,
        *,
        consumer: str | None = None,
        states: Collection[EffectState] = (),
        effect_ids: Collection[str] = (),
        limit: int = 100,
        payloads: bool = True,
    ) -> Sequence[EffectRecord]:
        await self._enter()
        fitting = [
            each
            for each in self._effects.values()
            if (consumer is None or each.consumer == consumer)
            and (not states or each.state in states)
            and (not effect_ids or each.effect_id in effect_ids)
        ]
        found = sorted(fitting, key=lambda each: (each.position, each.ordinal, each.consumer))[:limit]
        return found if payloads else [replace(each, payload="") for each in found]

    async def release(
        self,
        effect_ids: Collection[str],
        state: EffectState,
        now: int,
        rendered: Mapping[str, Sequence[Effect]] | None = None,
    ) -> int:
        await self._enter()
        parked = self._all_in(("parked",), effect_ids, "be retried or discarded")
        anew = rendered or {}
        for effect in parked:
            if effect.effect_id in anew:
                self._put_anew(effect, anew[effect.effect_id], now)
                continue
            counted = (0, 0) if state == "pending" else (effect.attempts, effect.failures)
            self._put(replace(effect, state=state, attempts=counted[0], failures=counted[1], changed=now))
        return len(parked)

    async def counts(self) -> dict[str, dict[EffectState, int]]:
        await self._enter()
        counts = Counter((each.consumer, each.state) for each in self._effects.values())
        return {name: {state: counts[name, state] for state in get_args(EffectState)} for name in self._consumers}

    async def forget(self, before: int) -> int:
        await self._enter()
        old = [each for each in self._effects.values() if each.state in FINISHED and each.changed < before]
        for each in old:
            del self._effects[each.effect_id]
            del self._places[each.consumer][each.position, each.ordinal]
        return len(old)

    async def close(self) -> None:
        self._closed = True

    async def _enter(self) -> None:
        if self._closed:
            raise StoreClosed("The effect ledger in memory")
        await checkpoint()

    def _consumer(self, name: str) -> ConsumerRecord:
        if name not in self._consumers:
            raise UnknownConsumer(name)
        return self._consumers[name]

    def _check_effects(self, consumer: str, effects: Sequence[Effect], expected: Position, position: Position) -> None:
        if position < expected:
            raise CommitRefused(f"the cursor of {consumer} would go back from {expected} to {position}")
        ids: set[str] = set()
        places: set[tuple[Position, int]] = set()
        for each in effects:
            check_text(each.effect_id, each.stream, each.payload, each.parked)
            if each.consumer != consumer or not expected < each.position <= position:
                raise CommitRefused(
                    f"effect {each.effect_id} is of {each.consumer} at position {each.position}, "
                    f"and not of {consumer} past {expected} and up to {position}"
                )
            place = (each.position, each.ordinal)
            if each.effect_id in ids or each.effect_id in self._effects or place in places:
                raise CommitRefused(f"effect {each.effect_id} is in the ledger already")
            ids.add(each.effect_id)
            places.add(place)

    def _all_in(self, allowed: Collection[str], effect_ids: Collection[str], step: str) -> Sequence[EffectRecord]:
        """Return the effects of these ids, each once, all of them in one of the `allowed` states."""
        for effect_id in effect_ids:
            found = self._effects.get(effect_id)
            if found is None:
                raise UnknownEffect(effect_id)
            if found.state not in allowed:
                raise WrongEffectState(effect_id, found.state, step, allowed)
        return [self._effects[effect_id] for effect_id in dict.fromkeys(effect_ids)]

    def _add(self, effects: Sequence[Effect], now: int) -> None:
        for each in effects:
            self._effects[each.effect_id] = entered(each, now)
            self._places[each.consumer][each.position, each.ordinal] = each.effect_id
            insort(self._unfinished[each.consumer], (each.position, each.ordinal))

    def _put_anew(self, effect: EffectRecord, effects: Sequence[Effect], now: int) -> None:
        """Put what the event of `effect` was rendered to anew in its place."""
        state, payload, error = rendered_anew(effects)
        reset = replace(effect, state=state, payload=payload, attempts=0, failures=0, changed=now)
        self._put(replace(reset, error=effect.error if error is None else error))
        self._add(effects[1:], now)

    def _put(self, effect: EffectRecord) -> None:
        self._effects[effect.effect_id] = effect
        if effect.state in FINISHED:
            left = self._unfinished[effect.consumer]
            del left[bisect_left(left, (effect.position, effect.ordinal))]


def entered(effect: Effect, now: int) -> EffectRecord:
    """Return `effect` as it stands when it was just entered."""
    return EffectRecord(
        effect.effect_id,
        effect.consumer,
        effect.position,
        effect.ordinal,
        effect.stream,
        effect.payload,
        "pending" if effect.parked is None else "parked",
        0,
        effect.parked,
        None,
        now,
    )
