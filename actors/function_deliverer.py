"""The deliverer of a user's own consumer: calls its function with the event, again and again until it returns."""

from collections.abc import Sequence

import anyio

from ..stores.effect_records import EffectRecord
from ..stores.errors import TwofoldError
from ..stores.protocols import EventStore
from .definitions import Domain, EffectDefinition
from .delivery import Delivered, Delivery, Refused, TryAgain, reason_of
from .domain import EventMeta

__all__ = ["FunctionDeliverer", "Undeliverable"]


class Undeliverable(TwofoldError):
    """Raised by a consumer's function: trying again will not help, so the effect is parked."""


class FunctionDeliverer:
    """A `Deliverer` for an async function of an event."""

    largest_call = 1

    def __init__(self, domain: Domain, definition: EffectDefinition, store: EventStore) -> None:
        self._domain = domain
        self._definition = definition
        self._store = store

    async def deliver(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        return [await self._call(effect) for effect in effects]

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _call(self, effect: EffectRecord) -> Delivery:
        (record,) = await self._store.read(effect.position - 1, 1)
        if record.data is None:
            return Refused("the event was erased")
        try:
            event = self._domain.events[record.type].codec.decode(record.data)
            with anyio.move_on_after(self._definition.timeout) as limit:
                await self._definition.call(event, EventMeta(record, effect.effect_id))
        except Undeliverable as error:
            return Refused(reason_of(error))
        except Exception as error:  # noqa: BLE001 - a failing call is tried again, whatever failed in it
            return TryAgain(reason_of(error))
        if limit.cancelled_caught:
            return TryAgain(f"{self._definition.name} took more than {self._definition.timeout:g} s")
        return Delivered()
