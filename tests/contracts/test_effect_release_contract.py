"""How every effect ledger lets go of what is parked: tried again, rendered anew, or discarded."""

from typing import get_args

import pytest
from msgspec.structs import replace
from twofold.stores.effect_errors import WrongEffectState
from twofold.stores.effect_records import Conclusion, EffectState
from twofold.stores.protocols import EffectLedger

from tests.doubles.ledger_effects import ID, NOW, ONE, THREE, TWO, bring_to, effect, enter, only, places

pytestmark = pytest.mark.anyio


async def test_a_released_effect_is_tried_again_from_the_first_attempt_on(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    await ledger.begin([ID], NOW)
    await ledger.conclude([Conclusion(ID, "parked", error="550")], NOW)
    assert await ledger.release([ID], "pending", NOW + 3) == 1
    record = await only(ledger)
    assert (record.state, record.attempts, record.error, record.changed) == ("pending", 0, "550", NOW + 3)


async def test_a_discarded_effect_keeps_its_attempts_and_is_over(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    await ledger.begin([ID], NOW)
    await ledger.conclude([Conclusion(ID, "parked", error="550")], NOW)
    assert await ledger.release([ID], "discarded", NOW + 3) == 1
    record = await only(ledger)
    assert (record.state, record.attempts, record.error) == ("discarded", 1, "550")
    assert await places(ledger) == []


@pytest.mark.parametrize("state", [state for state in get_args(EffectState) if state != "parked"])
async def test_only_a_parked_effect_is_released(ledger: EffectLedger, state: EffectState) -> None:
    before = await bring_to(ledger, state)
    parked = await bring_to(ledger, "parked", of=TWO)
    with pytest.raises(
        WrongEffectState, match=f"in state {state}, and only one in state parked can be retried"
    ) as refused:
        await ledger.release([TWO.effect_id, ID], "pending", NOW)
    assert (refused.value.effect_id, refused.value.state, refused.value.allowed) == (ID, state, ("parked",))
    assert await ledger.payloads([ID, TWO.effect_id]) == {ID: before, TWO.effect_id: parked}


UNRENDERED = replace(ONE, payload="", parked="the renderer raised")


async def test_an_effect_that_was_rendered_anew_takes_its_own_place_and_others_come_behind_it(
    ledger: EffectLedger,
) -> None:
    await enter(ledger, UNRENDERED, TWO)
    assert await ledger.release([ID], "pending", NOW, {ID: [ONE, effect(1, 1), effect(1, 2)]}) == 1
    assert await places(ledger) == [(1, 0), (1, 1), (1, 2), (2, 0)]
    record = await only(ledger)
    assert (record.state, record.payload, record.error) == ("pending", ONE.payload, "the renderer raised")
    assert (await only(ledger, effect(1, 2).effect_id)).state == "pending"


async def test_an_effect_that_makes_nothing_any_more_is_over_and_one_that_fails_again_stays_parked(
    ledger: EffectLedger,
) -> None:
    again = replace(TWO, payload="", parked="it raised")
    await enter(ledger, UNRENDERED, again, replace(THREE, parked="550"))
    worse = replace(again, parked="it raised something else")
    ids = [ID, TWO.effect_id, THREE.effect_id]
    assert await ledger.release(ids, "pending", NOW, {ID: [], TWO.effect_id: [worse]}) == 3
    kept = await ledger.payloads(ids)
    assert [kept[each].state for each in ids] == ["discarded", "parked", "pending"]
    assert "makes no effect" in (kept[ID].error or "")
    assert kept[TWO.effect_id].error == "it raised something else"
    assert await places(ledger) == [(2, 0), (3, 0)]


async def test_nothing_is_rendered_anew_where_one_effect_is_not_parked(ledger: EffectLedger) -> None:
    await enter(ledger, UNRENDERED, TWO)
    with pytest.raises(WrongEffectState):
        await ledger.release([ID, TWO.effect_id], "pending", NOW, {ID: [ONE, effect(1, 1)]})
    assert ((await only(ledger)).state, await places(ledger)) == ("parked", [(1, 0), (2, 0)])
