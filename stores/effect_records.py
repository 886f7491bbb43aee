"""The records of the effect ledger: what a consumer must do for an event, and how that stands."""

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from .records import Position, StreamId

__all__ = ["Conclusion", "ConsumerRecord", "Effect", "EffectRecord", "EffectState", "effect_id", "rendered_anew"]

EffectState: TypeAlias = Literal["pending", "sending", "retry", "done", "parked", "discarded"]
"""``pending``: never tried. ``sending``: an attempt was recorded and has no end yet; found so at a start, its end is
unknown. ``retry``: it failed and is tried again. ``done``. ``parked``: it waits for an operator. ``discarded``: an
operator gave it up."""


def effect_id(consumer: str, position: Position, event_hash: bytes, ordinal: int) -> str:
    """Return the id of a consumer's effect for an event: the same one however often it is worked out.

    The event's hash covers all events before it, its time and its command, so no other event has the id: not the one
    that comes to its position after a backup was restored, and none of another data folder. 80 bits of the digest stand
    behind the position, with which the id begins so that an index of ids grows at its end. The 32 characters fit a
    header and the left side of a Message-ID.
    """
    return f"{position:012x}{hashlib.sha256(event_hash + f'{consumer}/{ordinal}'.encode()).hexdigest()[:20]}"


class Effect(Struct, frozen=True, gc=False):
    """What a consumer has to do for one event: rendered, and not in the ledger yet."""

    effect_id: str
    consumer: str
    position: Position
    ordinal: int
    """Which one of the event's effects of this consumer, from 0."""
    stream: StreamId
    payload: str
    """JSON: the e-mail, the purge; empty for a user's own consumer, which gets the event itself."""
    parked: str | None = None
    """Why it can never be sent, known already when it was rendered: such an effect is parked at once."""


def rendered_anew(effects: Sequence[Effect]) -> tuple[EffectState, str, str | None]:
    """Return state, payload and error of a row whose rendering had failed, once its event was rendered to `effects`.

    The row stands for the first of them; where there is none any more, there is nothing left to do.
    """
    if not effects:
        return "discarded", "", "rendered anew, its event makes no effect"
    first = effects[0]
    return ("pending", first.payload, None) if first.parked is None else ("parked", "", first.parked)


class EffectRecord(Struct, frozen=True, gc=False):
    """An effect as the ledger keeps it."""

    effect_id: str
    consumer: str
    position: Position
    ordinal: int
    stream: StreamId
    payload: str
    state: EffectState
    attempts: int
    """How many attempts were begun."""
    error: str | None
    """What the last attempt that failed said."""
    result: str | None
    """JSON: what the provider said to the attempt that succeeded."""
    changed: int
    """When it came to this state, by the wall clock in microseconds. For people; no timer reads it."""
    failures: int = 0
    """How many attempts failed by this effect, and not by what held up all of its consumer's. Enough of them park it;
    an attempt whose end a crash left unknown is none."""
    due: int | None = None
    """When the next attempt is due, in state `retry`: by the wall clock in microseconds, for people as `changed` is."""


class Conclusion(Struct, frozen=True, gc=False):
    """How an attempt ended."""

    effect_id: str
    state: EffectState
    error: str | None = None
    result: str | None = None
    failed: bool = False
    """Whether it failed by the effect itself."""
    due: int | None = None
    """When the next attempt is due, by the wall clock in microseconds."""


class ConsumerRecord(Struct, frozen=True, gc=False):
    """A consumer as the ledger keeps it."""

    name: str
    cursor: Position
    """The newest event whose effects are in the ledger."""
    paused: str | None = None
    """Why nothing of it is sent until an operator resumes it."""
    held_until: int | None = None
    """Until when the other side slowed all of it down: by the wall clock in microseconds, for people; no timer reads
    it."""
