"""What a consumer has to do for events: its function run over each, and the result checked and encoded.

It runs once for each event, before the ledger: what it made there is never made again. A function that raises, or that
makes what can never be sent, parks that event's effect with the reason; nothing else is held up. Only such an effect is
rendered anew, when an operator has it tried again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ..stores.effect_records import Effect, EffectRecord, effect_id
from ..stores.protocols import EventStore
from ..stores.records import EventRecord
from .definitions import Domain, EffectDefinition
from .delivery import reason_of
from .domain import EventMeta
from .email import Email, check_email
from .purge import Purge, check_purge

__all__ = ["payloads_of", "render", "render_anew"]

_encode = msgspec.json.Encoder().encode


def render(domain: Domain, consumer: EffectDefinition, events: Sequence[EventRecord]) -> list[Effect]:
    """Return the effects of `events` for `consumer`, in order.

    Raises:
        UnknownEvent: an event's type is not registered.
    """
    effects: list[Effect] = []
    for record in events:
        if record.data is None:  # an erased event says nothing any more
            continue
        definition = domain.event_of(record)
        if record.type not in consumer.events:
            continue
        if consumer.kind == "call":
            effects.append(_effect(consumer, record, 0, ""))
            continue
        try:
            payloads = payloads_of(consumer, record, definition.codec.decode(record.data))
        except Exception as error:  # noqa: BLE001 - a renderer's bug, whatever it is, parks this one effect
            effects.append(_effect(consumer, record, 0, "", reason_of(error)))
            continue
        effects += (_effect(consumer, record, ordinal, payload) for ordinal, payload in enumerate(payloads))
    return effects


async def render_anew(domain: Domain, store: EventStore, parked: Iterable[EffectRecord]) -> dict[str, Sequence[Effect]]:
    """Return what those of the `parked` effects make now whose rendering had failed, by their ids.

    Such an effect has no payload. It may make several effects now, or none, or fail again and be parked for that. The
    first one keeps the id under which the ledger has it.

    Raises:
        UnknownEvent: an event's type is not registered.
    """
    made: dict[str, Sequence[Effect]] = {}
    for effect in parked:
        consumer = domain.effects.get(effect.consumer)
        if consumer is not None and consumer.kind != "call" and not effect.payload:
            effects = render(domain, consumer, await store.read(effect.position - 1, 1))
            if effects:
                effects[0] = replace(effects[0], effect_id=effect.effect_id)
            made[effect.effect_id] = effects
    return made


def payloads_of(consumer: EffectDefinition, record: EventRecord, event: Any) -> list[str]:
    """Return what `consumer` makes of `event`, which `record` keeps: each e-mail or purge checked, as JSON.

    Raises:
        InvalidEmail, InvalidPurge, TypeError: it made what can never be sent.
        Exception: whatever the user's function raises.
    """
    return [_payload(consumer, made) for made in _made(consumer, record, event)]


def _made(consumer: EffectDefinition, record: EventRecord, event: Any) -> Iterable[Any]:
    made = consumer.call(event, EventMeta(record))
    if made is None:
        return ()
    return (made,) if isinstance(made, Email | Purge) else list(made)


def _payload(consumer: EffectDefinition, made: Any) -> str:
    if consumer.kind == "email" and isinstance(made, Email):
        check_email(made)
    elif consumer.kind == "purge" and isinstance(made, Purge):
        check_purge(made)
    else:
        raise TypeError(f"{consumer.name} makes {consumer.kind}s, and returned {made!r}")
    return _encode(made).decode()


def _effect(
    consumer: EffectDefinition, record: EventRecord, ordinal: int, payload: str, parked: str | None = None
) -> Effect:
    name = effect_id(consumer.name, record.position, record.hash, ordinal)
    return Effect(name, consumer.name, record.position, ordinal, record.stream, payload, parked)
