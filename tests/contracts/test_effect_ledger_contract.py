"""What every effect ledger tells of its consumers and effects, and forgets, asked of the one on SQLite and the fake."""

from typing import get_args

import pytest
from msgspec.structs import replace
from twofold.stores.effect_errors import UnknownConsumer
from twofold.stores.effect_records import Conclusion, ConsumerRecord, EffectState
from twofold.stores.errors import CommitRefused, StoreClosed, WrongCursor
from twofold.stores.protocols import EffectLedger

from tests.doubles.ledger_effects import ID, LONG_AGO, NOW, ONE, bring_to, effect, enter

pytestmark = pytest.mark.anyio

FAR_AHEAD = 2**62


async def test_a_consumer_starts_where_it_is_told_and_later_stays_where_it_is(ledger: EffectLedger) -> None:
    assert await ledger.open_consumer("cdn", 7) == ConsumerRecord("cdn", 7)
    assert await ledger.open_consumer("cdn", 9) == ConsumerRecord("cdn", 7)
    assert await ledger.consumers() == {"cdn": ConsumerRecord("cdn", 7), "mail": ConsumerRecord("mail", 0)}


async def test_a_consumer_that_was_never_opened_is_named(ledger: EffectLedger) -> None:
    with pytest.raises(UnknownConsumer) as refused:
        await ledger.record("cdn", [], expected=0, position=1)
    assert refused.value.consumer == "cdn"
    with pytest.raises(UnknownConsumer):
        await ledger.pause("cdn", "why")


async def test_a_consumer_is_held_until_it_is_told_otherwise(ledger: EffectLedger) -> None:
    await ledger.hold("mail", NOW + 7)
    assert (await ledger.consumers())["mail"] == ConsumerRecord("mail", 0, None, NOW + 7)
    await ledger.hold("mail", None)
    assert (await ledger.consumers())["mail"].held_until is None
    await ledger.hold("mail", NOW + 7)
    await ledger.pause("mail", "access denied")
    assert (await ledger.consumers())["mail"] == ConsumerRecord("mail", 0, "access denied")
    with pytest.raises(UnknownConsumer):
        await ledger.hold("cdn", NOW)


async def test_a_pause_lasts_until_it_is_lifted_and_recording_goes_on_under_it(ledger: EffectLedger) -> None:
    await ledger.pause("mail", "535 authentication failed")
    await enter(ledger, ONE)
    assert (await ledger.consumers())["mail"] == ConsumerRecord("mail", 1, "535 authentication failed")
    assert (await ledger.open_consumer("mail", 0)).paused == "535 authentication failed"
    await ledger.pause("mail", None)
    assert (await ledger.consumers())["mail"] == ConsumerRecord("mail", 1)


async def test_a_search_finds_what_fits_all_that_is_given_in_order(ledger: EffectLedger) -> None:
    await ledger.open_consumer("cdn", 0)
    await enter(ledger, ONE, effect(2, parked="x"), effect(3, 1), effect(3, 0, parked="y"))
    await enter(ledger, effect(1, consumer="cdn"), effect(3, consumer="cdn", parked="z"))
    await ledger.begin([ID], NOW)
    await ledger.conclude([Conclusion(ID, "done")], NOW)

    async def found(**given: object) -> list[tuple[str, int, int]]:
        return [(x.consumer, x.position, x.ordinal) for x in await ledger.search(**given)]  # type: ignore[arg-type]

    everything = [("cdn", 1, 0), ("mail", 1, 0), ("mail", 2, 0), ("cdn", 3, 0), ("mail", 3, 0), ("mail", 3, 1)]
    assert await found() == everything
    assert await found(limit=2) == everything[:2]
    assert await found(consumer="mail") == [x for x in everything if x[0] == "mail"]
    assert await found(states=["parked"]) == [("mail", 2, 0), ("cdn", 3, 0), ("mail", 3, 0)]
    assert await found(states=["parked", "done"], consumer="mail") == [("mail", 1, 0), ("mail", 2, 0), ("mail", 3, 0)]
    assert await found(states=["done"]) == [("mail", 1, 0)]
    assert await found(effect_ids=[effect(3, 1).effect_id, ID]) == [("mail", 1, 0), ("mail", 3, 1)]
    assert await found(effect_ids=[ID], states=["parked"]) == []
    assert await found(consumer="nobody") == []


async def test_a_search_leaves_payloads_out_where_nobody_asks_for_them(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    (whole,), (bare,) = await ledger.search(), await ledger.search(payloads=False)
    assert whole.payload
    assert bare == replace(whole, payload="")


async def test_effects_are_counted_by_consumer_and_state(ledger: EffectLedger) -> None:
    await ledger.open_consumer("cdn", 0)
    for position, state in enumerate(get_args(EffectState), 1):
        await bring_to(ledger, state, of=effect(position))
    await bring_to(ledger, "done", of=effect(7))
    assert await ledger.counts() == {
        "cdn": dict.fromkeys(get_args(EffectState), 0),
        "mail": {**dict.fromkeys(get_args(EffectState), 1), "done": 2},
    }


@pytest.mark.parametrize("state", get_args(EffectState))
async def test_only_what_is_over_is_forgotten_and_only_from_before_the_time(
    ledger: EffectLedger, state: EffectState
) -> None:
    is_over = state in {"done", "discarded"}
    await bring_to(ledger, state, now=LONG_AGO)
    assert await ledger.forget(LONG_AGO) == 0
    assert await ledger.forget(LONG_AGO + 1 if is_over else FAR_AHEAD) == is_over
    assert (ID in await ledger.payloads([ID])) is not is_over
    assert await ledger.forget(FAR_AHEAD) == 0


async def test_a_forgotten_effect_is_not_entered_again(ledger: EffectLedger) -> None:
    await bring_to(ledger, "done", now=LONG_AGO)
    assert await ledger.forget(FAR_AHEAD) == 1
    with pytest.raises(WrongCursor):
        await ledger.record("mail", [ONE], expected=0, position=1)
    with pytest.raises(CommitRefused):
        await ledger.record("mail", [ONE], expected=1, position=2)
    assert await ledger.search() == []


async def test_a_closed_ledger_says_so_and_closes_twice(ledger: EffectLedger) -> None:
    await ledger.close()
    await ledger.close()
    with pytest.raises(StoreClosed):
        await ledger.consumers()
    with pytest.raises(StoreClosed):
        await ledger.record("mail", [ONE], expected=0, position=1)
