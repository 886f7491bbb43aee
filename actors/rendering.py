"""What a consumer has to do for events: its function run over each, and the result checked and encoded.

It runs once for each event, before the ledger: what is in the ledger is never rendered again. A function that raises,
or that makes what can never be sent, parks that event's effect with the reason; nothing else is held up.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..stores.effect_records import Effect, effect_id
from ..stores.records import EventRecord
from .definitions import Domain, EffectDefinition
from .delivery import reason_of
from .domain import EventMeta
from .email import Email, check_email
from .purge import Purge, check_purge

__all__ = ["payloads_of", "render"]

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
    name = effect_id(consumer.name, record.position, ordinal)
    return Effect(name, consumer.name, record.position, ordinal, record.stream, payload, parked)
