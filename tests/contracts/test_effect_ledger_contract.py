"""What every effect ledger does, asked of the one on SQLite and of the fake."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import anyio
import pytest
from msgspec.structs import replace
from twofold.stores.effect_errors import UnknownConsumer, UnknownEffect, WrongEffectState
from twofold.stores.effect_records import (
    Conclusion,
    ConsumerRecord,
    Effect,
    EffectRecord,
    EffectState,
    effect_id,
)
from twofold.stores.errors import (
    CommitRefused,
    StoreClosed,
    WrongCursor,
)
from twofold.stores.memory import MemoryEffectLedger
from twofold.stores.protocols import EffectLedger
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger

pytestmark = pytest.mark.anyio

START = (0, -1)
"""Before every effect."""
LONG_AGO, NOW = 1_000, 1_700_000_000_000_000
FAR_AHEAD = 2**62


@pytest.fixture(params=["sqlite", "memory"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EffectLedger]:
    opened: EffectLedger = (
        await SqliteEffectLedger.open(tmp_path / "effects.db") if request.param == "sqlite" else MemoryEffectLedger()
    )
    await opened.open_consumer("mail", 0)
    yield opened
    await opened.close()


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


async def test_a_consumer_starts_where_it_is_told_and_later_stays_where_it_is(ledger: EffectLedger) -> None:
    assert await ledger.open_consumer("cdn", 7) == ConsumerRecord("cdn", 7)
    assert await ledger.open_consumer("cdn", 9) == ConsumerRecord("cdn", 7)
    assert await ledger.consumers() == {"cdn": ConsumerRecord("cdn", 7), "mail": ConsumerRecord("mail", 0)}


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


async def test_a_consumer_that_was_never_opened_is_named(ledger: EffectLedger) -> None:
    with pytest.raises(UnknownConsumer) as refused:
        await ledger.record("cdn", [], expected=0, position=1)
    assert refused.value.consumer == "cdn"
    with pytest.raises(UnknownConsumer):
        await ledger.pause("cdn", "why")


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


async def test_a_released_effect_is_tried_again_from_the_first_attempt_on(ledger: EffectLedger) -> None:
    await enter(ledger, ONE)
    await ledger.begin([ID], NOW)
    await ledger.conclude([Conclusion(ID, "parked", error="550")], NOW)
    assert await ledger.release([ID], "pending", NOW + 3) == 1
    record = await only(ledger)
    assert (record.state, record.attempts, record.error, record.changed) == ("pending", 0, "550", NOW + 3)


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


async def test_a_cancelled_record_is_whole_when_the_cancellation_arrives(ledger: EffectLedger) -> None:
    effects = [effect(n) for n in range(1, 501)]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await enter(ledger, *effects)
    kept = (await ledger.consumers())["mail"].cursor
    assert (kept, len(await places(ledger))) in {(0, 0), (500, 500)}


async def test_a_closed_ledger_says_so_and_closes_twice(ledger: EffectLedger) -> None:
    await ledger.close()
    await ledger.close()
    with pytest.raises(StoreClosed):
        await ledger.consumers()
    with pytest.raises(StoreClosed):
        await ledger.record("mail", [ONE], expected=0, position=1)
