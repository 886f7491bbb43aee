"""An effect ledger on a file, with the effects of a consumer of mails entered in order."""

from pathlib import Path

from twofold.stores.effect_records import Effect, EffectState, effect_id
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger

NOW = 1_700_000_000_000_000
HASH = bytes(32)
"""Of every event that is made up here."""


def effects_after(position: int, count: int, payload: str = "{}") -> list[Effect]:
    places = range(position + 1, position + count + 1)
    return [Effect(effect_id("mail", n, HASH, 0), "mail", n, 0, f"order-{n}", payload) for n in places]


async def open_with_mail(file: Path) -> SqliteEffectLedger:
    ledger = await SqliteEffectLedger.open(file)
    await ledger.open_consumer("mail", 0)
    return ledger


async def enter(ledger: SqliteEffectLedger, count: int, payload: str = "{}") -> list[str]:
    """Record an effect for each of the next `count` events and return their ids."""
    cursor = (await ledger.consumers())["mail"].cursor
    effects = effects_after(cursor, count, payload)
    await ledger.record("mail", effects, expected=cursor, position=cursor + count)
    return [each.effect_id for each in effects]


async def states(ledger: SqliteEffectLedger) -> list[EffectState]:
    return [each.state for each in await ledger.search(limit=1_000_000)]
