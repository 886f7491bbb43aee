"""What the consumers of effects make of an event: their functions called, and what they return checked, as at work."""

from datetime import datetime
from typing import TypeVar

import msgspec

from ...actors.definitions import EffectKind
from ...actors.email import Email
from ...actors.purge import Purge
from ...actors.rendering import payloads_of
from ..app import App
from ..effect_search import UnknownConsumerName
from .history import History
from .virtual_clock import START

__all__ = ["emails_of", "purges_of"]

E = TypeVar("E", Email, Purge)


def emails_of(app: App, consumer: str, event: object, *, key: str = "1", at: datetime = START) -> list[Email]:
    """Return the e-mails that `consumer` makes of `event`, as they would go into the ledger.

    There are none where it does not take events of that type. What its function raises comes out as it is.

    Raises:
        InvalidEmail: one of them could never be sent.
        UnknownConsumerName, TypeError: there is no such consumer of e-mails, or no such event.
        AssertionError: the event does not come back from its stored form as it was.
    """
    return _made(app, consumer, "email", Email, event, key, at)


def purges_of(app: App, consumer: str, event: object, *, key: str = "1", at: datetime = START) -> list[Purge]:
    """Return the purges that `consumer` makes of `event`, as they would go into the ledger.

    There are none where it does not take events of that type. What its function raises comes out as it is.

    Raises:
        InvalidPurge: one of them could never be done.
        UnknownConsumerName, TypeError: there is no such consumer of purges, or no such event.
        AssertionError: the event does not come back from its stored form as it was.
    """
    return _made(app, consumer, "purge", Purge, event, key, at)


def _made(app: App, name: str, kind: EffectKind, type_: type[E], event: object, key: str, at: datetime) -> list[E]:
    domain = app.domain()
    consumer = domain.effects.get(name)
    if consumer is None:
        raise UnknownConsumerName(name, domain.effects)
    if consumer.kind != kind:
        raise TypeError(f"{name} is a consumer of the kind {consumer.kind}, and makes no {kind}s.")
    record = History(domain).record(event, key=key, at=at)
    if record.type not in consumer.events or record.data is None:
        return []
    payloads = payloads_of(consumer, record, domain.events[record.type].codec.decode(record.data))
    return [msgspec.json.decode(payload, type=type_) for payload in payloads]
