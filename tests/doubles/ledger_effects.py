"""Effects for any ledger, and the ordinary way of one to each state that there is."""

from msgspec.structs import replace
from twofold.stores.effect_records import Conclusion, Effect, EffectRecord, EffectState, effect_id
from twofold.stores.protocols import EffectLedger

START = (0, -1)
"""Before every effect."""
LONG_AGO, NOW = 1_000, 1_700_000_000_000_000


def effect(position: int, ordinal: int = 0, consumer: str = "mail", parked: str | None = None) -> Effect:
    identity = effect_id(consumer, position, bytes(32), ordinal)
    return Effect(identity, consumer, position, ordinal, f"order-{position}", f'{{"to":"{position}@b.c"}}', parked)


ONE, TWO, THREE = (effect(n) for n in (1, 2, 3))
ID = ONE.effect_id


async def enter(ledger: EffectLedger, *effects: Effect) -> None:
    """Record `effects` of one consumer behind its cursor."""
    consumer = effects[0].consumer
    cursor = (await ledger.consumers())[consumer].cursor
    await ledger.record(consumer, effects, expected=cursor, position=effects[-1].position)


async def bring_to(ledger: EffectLedger, state: EffectState, now: int = NOW, of: Effect = ONE) -> EffectRecord:
    """Enter `of` and bring it to `state`, in the ordinary way."""
    parked = "no address" if state in {"parked", "discarded"} else None
    await enter(ledger, replace(of, parked=parked))
    if state in {"sending", "retry", "done"}:
        await ledger.begin([of.effect_id], now)
    if state in {"retry", "done"}:
        await ledger.conclude([Conclusion(of.effect_id, state)], now)
    if state == "discarded":
        await ledger.release([of.effect_id], "discarded", now)
    return await only(ledger, of.effect_id)


async def only(ledger: EffectLedger, identity: str = ID) -> EffectRecord:
    return (await ledger.payloads([identity]))[identity]


async def places(ledger: EffectLedger, consumer: str = "mail") -> list[tuple[int, int]]:
    return [(each.position, each.ordinal) for each in await ledger.unfinished(consumer, START, 10_000)]
