"""Searching the effect ledger for people: whom they misspell is told to them, not passed off as nothing found."""

from collections.abc import Collection, Sequence

from ..stores.effect_errors import UnknownEffect
from ..stores.effect_records import EffectRecord, EffectState
from ..stores.errors import TwofoldError
from ..stores.protocols import EffectLedger

__all__ = ["UnknownConsumerName", "search_effects"]


class UnknownConsumerName(TwofoldError):
    """There is no consumer of that name."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        self.name = name
        super().__init__(f"No consumer is called {name!r}. There are: {', '.join(sorted(known)) or 'none'}.")


async def search_effects(
    ledger: EffectLedger,
    *,
    consumer: str | None,
    states: Collection[EffectState],
    effect_ids: Collection[str],
    limit: int,
    payloads: bool = True,
) -> Sequence[EffectRecord]:
    """Return up to `limit` effects that fit all that is given, oldest first.

    A consumer that the code no longer has is known for as long as the ledger has it.

    Raises:
        UnknownConsumerName: the ledger has none of that name.
        UnknownEffect: an id was given that the ledger does not have.
    """
    if consumer is not None and consumer not in (known := await ledger.consumers()):
        raise UnknownConsumerName(consumer, known)
    found = await ledger.search(consumer=consumer, states=states, effect_ids=effect_ids, limit=limit, payloads=payloads)
    missing = set(effect_ids) - {effect.effect_id for effect in found}
    if missing:  # filtered out, or not there
        others = await ledger.search(effect_ids=missing, limit=len(missing), payloads=False)
        unknown = missing - {effect.effect_id for effect in others}
        if unknown:
            raise UnknownEffect(min(unknown))
    return found
