"""How every effect ledger notes attempts: begun where one is due, ended once, with what was said."""

from typing import get_args

import pytest
from msgspec.structs import replace
from twofold.stores.effect_errors import UnknownEffect, WrongEffectState
from twofold.stores.effect_records import Conclusion, EffectState
from twofold.stores.errors import CommitRefused
from twofold.stores.protocols import EffectLedger

from tests.doubles.ledger_effects import ID, NOW, ONE, THREE, TWO, bring_to, effect, enter, only, places

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("state", ["pending", "retry", "sending"])
async def test_an_attempt_begins_where_one_is_due_or_has_no_known_end(ledger: EffectLedger, state: EffectState) -> None:
    before = await bring_to(ledger, state)
    await ledger.begin([ID], NOW + 5)
    assert await only(ledger) == replace(before, state="sending", attempts=before.attempts + 1, changed=NOW + 5)


@pytest.mark.parametrize("state", ["done", "parked", "discarded"])
async def test_no_attempt_begins_where_none_is_due(ledger: EffectLedger, state: EffectState) -> None:
    before = await bring_to(ledger, state)
    await enter(ledger, TWO)
    with pytest.raises(WrongEffectState) as refused:
        await ledger.begin([TWO.effect_id, ID], NOW + 5)
    assert (refused.value.effect_id, refused.value.state) == (ID, state)
    assert await only(ledger) == before
    assert (await only(ledger, TWO.effect_id)).state == "pending"


@pytest.mark.parametrize("state", [state for state in get_args(EffectState) if state != "sending"])
async def test_an_attempt_that_is_not_under_way_has_no_end(ledger: EffectLedger, state: EffectState) -> None:
    before = await bring_to(ledger, state)
    other = await bring_to(ledger, "sending", of=TWO)
    with pytest.raises(WrongEffectState) as refused:
        await ledger.conclude([Conclusion(TWO.effect_id, "done"), Conclusion(ID, "done")], NOW)
    assert (refused.value.effect_id, refused.value.state) == (ID, state)
    assert await ledger.payloads([ID, TWO.effect_id]) == {ID: before, TWO.effect_id: other}


async def test_an_attempt_ends_once(ledger: EffectLedger) -> None:
    before = await bring_to(ledger, "sending")
    with pytest.raises(WrongEffectState) as refused:
        await ledger.conclude([Conclusion(ID, "done"), Conclusion(ID, "retry")], NOW)
    assert (refused.value.effect_id, refused.value.state) == (ID, "done")
    assert await only(ledger) == before


async def test_an_effect_that_is_not_there_is_named(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    with pytest.raises(UnknownEffect, match="No effect in the ledger has the id ff") as refused:
        await ledger.begin([ID, "ff"], NOW)
    assert refused.value.effect_id == "ff"
    for step in (ledger.conclude([Conclusion("ff", "done")], NOW), ledger.release(["ff"], "pending", NOW)):
        with pytest.raises(UnknownEffect):
            await step
    assert (await only(ledger)).state == "pending"
    assert await ledger.payloads(["ff"]) == {}


async def test_ends_are_kept_with_what_was_said(ledger: EffectLedger) -> None:
    effects = [effect(n) for n in range(1, 5)]
    await enter(ledger, *effects)
    await ledger.begin([each.effect_id for each in effects], NOW)
    done, retry, parked, again = (each.effect_id for each in effects)
    ends = [
        Conclusion(done, "done", result='{"id":"x"}'),
        Conclusion(retry, "retry", error="451 later"),
        Conclusion(parked, "parked", error="550 no such user"),
    ]
    await ledger.conclude(ends, NOW + 7)
    kept = await ledger.payloads([done, retry, parked, again])
    assert [(kept[x].state, kept[x].error, kept[x].result) for x in (done, retry, parked, again)] == [
        ("done", None, '{"id":"x"}'),
        ("retry", "451 later", None),
        ("parked", "550 no such user", None),
        ("sending", None, None),
    ]
    assert [kept[x].changed for x in (done, retry, parked, again)] == [NOW + 7] * 3 + [NOW]


async def test_what_the_last_failure_said_stays_with_the_attempt_that_succeeds(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    for end in (Conclusion(ID, "retry", error="451 later"), Conclusion(ID, "done", result='"ok"')):
        await ledger.begin([ID], NOW)
        await ledger.conclude([end], NOW)
    record = await only(ledger)
    assert (record.state, record.attempts, record.error, record.result) == ("done", 2, "451 later", '"ok"')


async def test_some_hundred_attempts_begin_and_end_at_once(ledger: EffectLedger) -> None:
    effects = [effect(n) for n in range(1, 778)]
    await enter(ledger, *effects)
    await ledger.begin([each.effect_id for each in effects], NOW)
    assert (await ledger.counts())["mail"]["sending"] == 777
    await ledger.conclude([Conclusion(each.effect_id, "done", None, str(each.position)) for each in effects], NOW)
    kept = await ledger.payloads([each.effect_id for each in effects])
    assert [kept[each.effect_id].result for each in effects] == [str(each.position) for each in effects]
    assert await places(ledger) == []


async def test_nothing_to_begin_or_to_conclude_changes_nothing(ledger: EffectLedger) -> None:
    before = await bring_to(ledger, "sending")
    await ledger.begin([], NOW + 1)
    await ledger.conclude([], NOW + 1)
    assert await ledger.release([], "pending", NOW + 1) == 0
    assert await ledger.payloads([]) == {}
    assert await only(ledger) == before


async def test_an_end_that_cannot_be_stored_is_refused(ledger: EffectLedger) -> None:
    before = await bring_to(ledger, "sending")
    with pytest.raises(CommitRefused):
        await ledger.conclude([Conclusion(ID, "retry", error="\udcff")], NOW)
    assert await only(ledger) == before


async def test_failures_are_counted_apart_from_attempts_until_an_operator_releases_the_effect(
    ledger: EffectLedger,
) -> None:
    await enter(ledger, ONE)
    for failed in (True, False, True):
        await ledger.begin([ID], NOW)
        await ledger.conclude([Conclusion(ID, "retry", "later", failed=failed)], NOW)
    assert ((await only(ledger)).attempts, (await only(ledger)).failures) == (3, 2)
    await ledger.begin([ID], NOW)
    await ledger.conclude([Conclusion(ID, "parked", "no", failed=True)], NOW)
    assert (await only(ledger)).failures == 3
    await ledger.release([ID], "pending", NOW)
    assert ((await only(ledger)).attempts, (await only(ledger)).failures) == (0, 0)


async def test_the_next_attempt_is_told_while_there_is_one_to_come(ledger: EffectLedger) -> None:
    await enter(ledger, ONE, TWO, THREE)
    ids = [each.effect_id for each in (ONE, TWO)]
    await ledger.begin(ids, NOW)
    ends = [Conclusion(each, "retry", "later", due=NOW + after) for each, after in zip(ids, (9, 5), strict=True)]
    await ledger.conclude(ends, NOW)
    assert ((await only(ledger)).due, await ledger.next_attempts()) == (NOW + 9, {"mail": NOW + 5})
    await ledger.postpone({ids[1]: NOW + 20, THREE.effect_id: NOW + 1, "ff": NOW + 1})
    assert await ledger.next_attempts() == {"mail": NOW + 9}
    assert (await only(ledger, THREE.effect_id)).due is None, "it is not to be tried again, but for the first time"
    await ledger.begin(ids, NOW)
    assert ((await only(ledger)).due, await ledger.next_attempts()) == (None, {})
    await ledger.postpone({})
