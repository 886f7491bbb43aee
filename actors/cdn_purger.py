"""The CDN purger: many effects become few calls, and what each call ended in becomes the end of its effects.

What several effects of one `deliver` name is sent once. A call that the CDN refuses because of something in it is
halved until the culprit stands alone, so that its neighbours go through and only the effects that name it are parked.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from ..stores.effect_records import EffectRecord
from .cdn_zone import Kind, Part, Zone
from .delivery import Delivered, Delivery, Paused, Refused, TryAgain
from .purge import InvalidPurge, Purge

__all__ = ["CdnProvider", "CdnPurger", "PurgeCall"]

MOST_EFFECTS = 1000
"""In one `deliver`: with the duplicates gone that usually fills a few calls."""
MOST_HALVINGS = 32
"""In one `deliver`. Seven find a culprit among a hundred; what is still mixed after these is tried again later."""
MOST_REMEMBERED = 1000
"""Effects of which a part was done. Of one that is forgotten every part is sent again, which does no harm."""


class PurgeCall(Struct, frozen=True):
    """What goes to the CDN at once."""

    kind: Kind
    names: tuple[str, ...]
    effect_ids: tuple[str, ...]
    """The effects that asked for it."""

    @property
    def body(self) -> dict[str, tuple[str, ...]]:
        """The call as Cloudflare's API wants it."""
        return {self.kind: self.names}


class CdnProvider(Protocol):
    """Where calls go."""

    async def send(self, call: PurgeCall) -> Delivery:
        """Make one call and return how it ended: `Refused` says that something it names was the reason."""

    async def close(self) -> None:
        """Close what is kept open."""


class CdnPurger:
    """A `Deliverer` of purges."""

    largest_call = MOST_EFFECTS

    def __init__(self, zone: Zone, provider: CdnProvider, *, items_per_call: int = 100) -> None:
        self._zone = zone
        self._provider = provider
        self._items_per_call = items_per_call
        self._done: dict[str, dict[Part, str]] = {}
        """Of effects that are not finished: what was done already, and the CDN's word for it."""

    async def deliver(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        """Purge what `effects` name. An effect is delivered once every call that carries a part of it succeeded."""
        parts: dict[str, tuple[Part, ...]] = {}
        ends: dict[str, Delivery] = {}
        for effect in effects:
            try:
                parts[effect.effect_id] = self._zone.parts(_decoded(effect.payload))
            except InvalidPurge as error:
                ends[effect.effect_id] = Refused(str(error))
        answers = await self._answers(self._wanted(parts))
        for effect_id, named in parts.items():
            ends[effect_id] = self._end(effect_id, named, answers)
        while len(self._done) > MOST_REMEMBERED:
            del self._done[next(iter(self._done))]
        return [ends[effect.effect_id] for effect in effects]

    async def close(self) -> None:
        await self._provider.close()

    def _wanted(self, parts: Mapping[str, tuple[Part, ...]]) -> dict[Part, list[str]]:
        """Return what is still to be sent, each thing once, with the effects that wait for it."""
        wanted: dict[Part, list[str]] = {}
        for effect_id, named in parts.items():
            done = self._done.get(effect_id, {})
            for part in named:
                if part not in done:
                    wanted.setdefault(part, []).append(effect_id)
        return wanted

    async def _answers(self, wanted: Mapping[Part, list[str]]) -> dict[Part, Delivery]:
        """Send all that is `wanted` and return what became of each part; after a call that failed, nothing more is."""
        answers: dict[Part, Delivery] = {}
        waiting = deque(_filled(list(wanted), self._items_per_call))
        halvings = 0
        while waiting:
            parts = waiting.popleft()
            answer = await self._provider.send(_call(parts, wanted))
            if isinstance(answer, Refused) and len(parts) > 1:
                if halvings < MOST_HALVINGS:
                    halvings += 1
                    middle = len(parts) // 2
                    waiting.extendleft((parts[middle:], parts[:middle]))
                    continue
                answer = TryAgain(f"Something in the same call was refused and is still looked for: {answer.error}")
            elif isinstance(answer, Refused):
                answer = Refused(f"The CDN refused {parts[0].name}: {answer.error}")
            elif isinstance(answer, Delivered):
                self._remember(parts, wanted, answer)
            elif waiting:
                parts = [*parts, *(part for later in waiting for part in later)]
                waiting.clear()
            answers.update(dict.fromkeys(parts, answer))
        return answers

    def _remember(self, parts: Sequence[Part], wanted: Mapping[Part, list[str]], answer: Delivered) -> None:
        for part in parts:
            for effect_id in wanted[part]:
                self._done.setdefault(effect_id, {})[part] = answer.result

    def _end(self, effect_id: str, named: tuple[Part, ...], answers: Mapping[Part, Delivery]) -> Delivery:
        done = self._done.get(effect_id, {})
        ends = [answers[part] for part in named if part not in done]
        # A refusal outweighs the rest: it is the one end that no later attempt changes.
        for kind in (Refused, Paused, TryAgain):
            for end in ends:
                if isinstance(end, kind):
                    self._keep(effect_id, finished=kind is Refused)
                    return end
        self._keep(effect_id, finished=True)
        return Delivered(f"[{','.join(dict.fromkeys(done[part] for part in named))}]")

    def _keep(self, effect_id: str, *, finished: bool) -> None:
        """Drop what is known of an effect, or put it behind that of the others: the first ones are forgotten first."""
        done = self._done.pop(effect_id, None)
        if done is not None and not finished:
            self._done[effect_id] = done


def _decoded(payload: str) -> Purge:
    try:
        return msgspec.json.decode(payload, type=Purge)
    except msgspec.DecodeError as error:
        raise InvalidPurge(f"cannot be read from its payload: {error}") from error


def _filled(parts: Sequence[Part], limit: int) -> Iterator[list[Part]]:
    """Yield `parts` in calls: one kind each, and as full as may be."""
    kinds: dict[Kind, list[Part]] = {}
    for part in parts:
        kinds.setdefault(part.kind, []).append(part)
    for same in kinds.values():
        yield from (same[start : start + limit] for start in range(0, len(same), limit))


def _call(parts: Sequence[Part], wanted: Mapping[Part, list[str]]) -> PurgeCall:
    effect_ids = dict.fromkeys(effect_id for part in parts for effect_id in wanted[part])
    return PurgeCall(parts[0].kind, tuple(part.name for part in parts), tuple(effect_ids))
