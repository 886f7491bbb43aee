"""How every effect ledger takes effects in: each once, whole batches, in the order of their events."""

from typing import get_args

import anyio
import pytest
from msgspec.structs import replace
from twofold.stores.effect_records import Effect, EffectRecord, EffectState
from twofold.stores.errors import CommitRefused, WrongCursor
from twofold.stores.protocols import EffectLedger

from tests.doubles.ledger_effects import ID, NOW, ONE, THREE, TWO, bring_to, effect, enter, only, places

pytestmark = pytest.mark.anyio


async def test_all_of_an_effect_is_read_back_as_it_was_recorded(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    record = await only(ledger)
    assert record == EffectRecord(
        ID, "mail", 1, 0, "order-1", '{"to":"1@b.c"}', "pending", 0, None, None, record.changed
    )
    assert record.changed > NOW
    assert (await ledger.consumers())["mail"].cursor == 1


async def test_an_effect_that_can_never_be_sent_is_parked_as_it_is_recorded(ledger: EffectLedger) -> None:
    await enter(ledger, effect(1, parked="the renderer raised"))
    record = await only(ledger)
    assert (record.state, record.error, record.attempts) == ("parked", "the renderer raised", 0)


async def test_the_cursor_moves_where_there_is_nothing_to_do(ledger: EffectLedger) -> None:
    await ledger.record("mail", [], expected=0, position=500)
    assert (await ledger.consumers())["mail"].cursor == 500
    assert await places(ledger) == []


async def test_a_thousand_events_effects_are_recorded_at_once(ledger: EffectLedger) -> None:
    effects = [effect(position, ordinal) for position in range(1, 1001) for ordinal in range(2)]
    await enter(ledger, *effects)
    assert await places(ledger) == [(each.position, each.ordinal) for each in effects]


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_cursor_that_is_elsewhere_refuses_the_record(ledger: EffectLedger, expected: int) -> None:
    await enter(ledger, ONE)
    with pytest.raises(WrongCursor) as refused:
        await ledger.record("mail", [THREE], expected=expected, position=3)
    assert (refused.value.consumer, refused.value.expected, refused.value.actual) == ("mail", expected, 1)
    assert await places(ledger) == [(1, 0)]
    assert (await ledger.consumers())["mail"].cursor == 1


async def test_recording_the_same_batch_again_is_refused_by_the_cursor(ledger: EffectLedger) -> None:
    await enter(ledger, ONE, TWO)
    with pytest.raises(WrongCursor):
        await ledger.record("mail", [ONE, TWO], expected=0, position=2)
    assert await places(ledger) == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(replace(ONE, position=2), id="the same id"),
        pytest.param(replace(TWO, effect_id="0" * 32, ordinal=1), id="the same place, once more in the batch"),
        pytest.param(replace(TWO, position=1), id="an event that the cursor has passed"),
        pytest.param(effect(4), id="an event past the new cursor"),
        pytest.param(effect(2, consumer="cdn"), id="another consumer's"),
        pytest.param(replace(TWO, payload="\ud800"), id="text that cannot be stored"),
    ],
)
async def test_an_effect_that_does_not_belong_there_refuses_the_whole_record(
    ledger: EffectLedger, second: Effect
) -> None:
    await ledger.open_consumer("cdn", 0)
    await enter(ledger, ONE)
    with pytest.raises(CommitRefused):
        await ledger.record("mail", [effect(2, 1), THREE, second], expected=1, position=3)
    assert await places(ledger) == [(1, 0)]
    assert (await ledger.consumers())["mail"].cursor == 1
    await enter(ledger, TWO, THREE)


async def test_a_cursor_does_not_go_back(ledger: EffectLedger) -> None:
    await enter(ledger, TWO)
    with pytest.raises(CommitRefused):
        await ledger.record("mail", [], expected=2, position=1)
    assert (await ledger.consumers())["mail"].cursor == 2


async def test_unfinished_effects_come_in_order_whatever_order_they_were_recorded_in(ledger: EffectLedger) -> None:
    await enter(ledger, effect(10, 1), effect(2), effect(10, 0), effect(9), effect(10, 2))
    assert await places(ledger) == [(2, 0), (9, 0), (10, 0), (10, 1), (10, 2)]


async def test_unfinished_effects_are_read_behind_a_place_up_to_the_limit(ledger: EffectLedger) -> None:
    await enter(ledger, *(effect(position, ordinal) for position in (1, 2, 3) for ordinal in range(3)))
    read = await ledger.unfinished("mail", (2, 0), 3)
    assert [(each.position, each.ordinal) for each in read] == [(2, 1), (2, 2), (3, 0)]
    assert list(await ledger.unfinished("mail", (3, 2), 3)) == []


async def test_consumers_do_not_see_one_anothers_effects(ledger: EffectLedger) -> None:
    await ledger.open_consumer("cdn", 0)
    await enter(ledger, ONE, TWO)
    await enter(ledger, effect(2, consumer="cdn"), effect(3, consumer="cdn"))
    assert await places(ledger) == [(1, 0), (2, 0)]
    assert await places(ledger, "cdn") == [(2, 0), (3, 0)]
    assert await places(ledger, "nobody") == []


@pytest.mark.parametrize("state", get_args(EffectState))
async def test_all_but_done_and_discarded_is_unfinished(ledger: EffectLedger, state: EffectState) -> None:
    assert (await bring_to(ledger, state)).state == state
    assert await places(ledger) == ([] if state in {"done", "discarded"} else [(1, 0)])


async def test_a_cancelled_record_is_whole_when_the_cancellation_arrives(ledger: EffectLedger) -> None:
    effects = [effect(n) for n in range(1, 501)]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await enter(ledger, *effects)
    kept = (await ledger.consumers())["mail"].cursor
    assert (kept, len(await places(ledger))) in {(0, 0), (500, 500)}
