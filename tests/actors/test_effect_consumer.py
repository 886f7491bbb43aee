"""A consumer of effects: attempts noted before they are made, retries in order, and nobody else held up."""

import asyncio
import tracemalloc
from pathlib import Path

import pytest
from twofold import Retry
from twofold.actors.delivery import Delivered, Refused, TryAgain
from twofold.stores.effect_records import Effect, effect_id
from twofold.stores.errors import CommitRefused, Corruption, DiskFull, StorageFailed
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger

from tests.doubles.consuming import NAME, Outside, rest

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

FAILED = TryAgain("not now")


async def test_an_attempt_is_recorded_before_it_is_made() -> None:
    outside = Outside()
    gate = outside.deliverer.hold()
    async with outside.running():
        outside.happen("1")
        await gate.reached.wait()
        effect = await outside.effect(1)
        assert (effect.state, effect.attempts) == ("sending", 1)
        gate.open()
        await rest()
        assert await outside.states() == ["done"]


async def test_nothing_is_sent_whose_attempt_could_not_be_recorded() -> None:
    outside = Outside()
    outside.plan.fail("begin", CommitRefused("made to fail"))
    async with outside.running():
        outside.happen("1")
        await rest()
        assert outside.deliverer.sent == []
        await outside.pass_time(0.1)
        assert outside.deliverer.sent == [1]


async def test_each_effect_is_entered_and_sent_once_over_many_lives() -> None:
    outside = Outside()
    for keys in ("abc", "de", "f"):
        async with outside.running():
            outside.happen(*keys)
            await rest()
    assert outside.deliverer.sent == [1, 2, 3, 4, 5, 6]
    assert await outside.states() == ["done"] * 6


async def test_a_crash_before_the_cursor_enters_nothing_twice() -> None:
    outside = Outside()
    outside.plan.fail("record/done", RuntimeError("the process lost its memory"))
    async with outside.running():
        outside.happen("1", "2")
        await rest()
        await outside.pass_time(0.1)
        assert outside.role.restarts == 1
        assert outside.deliverer.sent == [1, 2]


async def test_what_a_crash_left_in_sending_is_sent_again_under_the_same_id() -> None:
    outside = Outside()
    gate = outside.deliverer.hold()
    async with outside.running(stops=False):
        outside.happen("1", "2")
        await gate.reached.wait()
    assert await outside.states() == ["sending", "pending"]
    async with outside.running():
        await rest()
        assert await outside.states() == ["done", "done"]
    assert outside.deliverer.sent == [1, 1, 2]
    assert outside.deliverer.ids[0] == outside.deliverer.ids[1]
    assert (await outside.effect(1)).attempts == 2


async def test_a_consumer_that_prefers_nothing_to_twice_parks_what_a_crash_left_in_sending() -> None:
    outside = Outside(at_most_once=True)
    gate = outside.deliverer.hold()
    async with outside.running(stops=False):
        outside.happen("1", "1", "2")
        await gate.reached.wait()
    async with outside.running():
        await rest()
        assert await outside.states() == ["parked", "pending", "done"]
        assert "may have arrived" in ((await outside.effect(1)).error or "")
        assert outside.deliverer.sent == [1, 3]


async def test_an_attempt_whose_end_a_crash_left_unknown_is_no_failure() -> None:
    outside = Outside(retry=Retry("1s", attempts=2))
    for _ in range(4):
        gate = outside.deliverer.hold()
        async with outside.running(stops=False):
            if not outside.deliverer.sent:
                outside.happen("1")
            await gate.reached.wait()
    assert ((await outside.effect(1)).attempts, (await outside.effect(1)).failures) == (4, 0)
    outside.deliverer.answer(FAILED)
    async with outside.running():
        await rest()
        assert await outside.states() == ["retry"]


async def test_a_retry_waits_longer_each_time_and_the_last_one_parks() -> None:
    outside = Outside(retry=Retry("1s", "1h", attempts=4))
    outside.deliverer.always = lambda _: FAILED
    async with outside.running():
        outside.happen("1")
        await rest()
        waits: list[float] = []
        while (wait := outside.actor.next_attempt()) is not None:
            waits.append(wait)
            assert (await outside.effect(1)).state == "retry"
            await outside.pass_time(wait * 0.99)
            assert len(outside.deliverer.sent) == len(waits), "too early"
            await outside.pass_time(wait * 0.02)
            assert len(outside.deliverer.sent) == len(waits) + 1
        assert [0.5 <= wait / 2**n <= 1 for n, wait in enumerate(waits)] == [True] * 3
        parked = await outside.effect(1)
        assert (parked.state, parked.attempts, parked.error) == ("parked", 4, "after 4 attempts: not now")
        assert len(set(outside.deliverer.ids)) == 1


async def test_what_an_attempt_has_done_already_comes_back_with_the_next() -> None:
    outside = Outside()
    outside.deliverer.answer(TryAgain("half", result='{"done":1}'))
    async with outside.running():
        outside.happen("1")
        await rest()
        assert (await outside.effect(1)).result == '{"done":1}'


async def test_a_parked_effect_holds_back_later_ones_of_its_own_stream_only() -> None:
    outside = Outside()
    outside.deliverer.always = lambda effect: Refused("no") if effect.position == 1 else Delivered()
    async with outside.running():
        outside.happen("a", "b", "a", "c")
        await rest()
        assert await outside.states() == ["parked", "done", "pending", "done"]
    outside.happen("a")
    async with outside.running():
        await rest()
        assert await outside.states() == ["parked", "done", "pending", "done", "pending"]
        effect_id = (await outside.effect(1)).effect_id
        await outside.stored.release([effect_id], "pending", 0)
        outside.deliverer.always = None
        outside.actor.release([effect_id], again=True)
        await outside.quiet.wait()
        assert await outside.states() == ["done"] * 5
        assert outside.deliverer.sent == [1, 2, 4, 1, 3, 5]


async def test_each_effect_of_a_call_has_its_own_end() -> None:
    outside = Outside(largest_call=3, ordered=False)
    outside.deliverer.answer([Delivered('"ok"'), Refused("no"), FAILED])
    async with outside.running():
        outside.happen(*"abc")
        await rest()
        assert await outside.states() == ["done", "parked", "retry"]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), asyncio.CancelledError()])
async def test_a_deliverer_that_raises_is_tried_again(error: BaseException) -> None:
    outside = Outside(retry=Retry("1s"))
    outside.deliverer.answer(error)
    async with outside.running():
        outside.happen("1")
        await rest()
        assert (await outside.effect(1)).state == "retry"
        await outside.pass_time(1)
        assert await outside.states() == ["done"]
        assert outside.role.restarts == 0


async def test_what_a_clock_that_jumped_had_forgotten_early_is_never_sent_again_and_what_waits_is_kept() -> None:
    outside = Outside()
    outside.deliverer.always = lambda effect: Refused("no") if effect.position == 2 else Delivered()
    decades = 3_000_000_000
    async with outside.running():
        outside.happen("a", "b", "c")
        await rest()
        assert await outside.states() == ["done", "parked", "done"]
        outside.clock.jump(decades)
        await outside.pass_time(3600)
        assert await outside.states() == ["parked"], "the cleaning went by the wall clock"
        outside.clock.jump(-decades)
    for sent in ([1, 2, 3, 4], [1, 2, 3, 4, 5]):
        async with outside.running():
            outside.happen("a")
            await rest()
            assert outside.deliverer.sent == sent
    assert await outside.states() == ["parked", "done", "done"]


async def test_a_reason_that_no_file_can_hold_parks_and_harms_nobody() -> None:
    outside = Outside()
    outside.deliverer.answer(Refused("\udc80" + "x" * 100_000))
    async with outside.running():
        outside.happen("1", "2")
        await rest()
        assert await outside.states() == ["parked", "done"]
        assert outside.role.restarts == 0
        assert len((await outside.effect(1)).error or "") < 10_000


async def test_a_consumer_counts_as_quiet_when_only_somebodys_help_is_missing() -> None:
    outside = Outside()
    outside.deliverer.answer(FAILED, Refused("no"))
    async with outside.running():
        await outside.quiet.wait()
        outside.happen("1")
        await outside.quiet.rendered.reach(1)
        assert not outside.quiet._is_quiet.is_set()
        await rest()
        assert not outside.quiet._is_quiet.is_set(), "it will be tried again"
        await outside.pass_time(1)
        await outside.quiet.wait()
        effect_id = (await outside.effect(1)).effect_id
        await outside.stored.release([effect_id], "pending", 0)
        outside.actor.release([effect_id], again=True)
        assert not outside.quiet._is_quiet.is_set()
        await outside.quiet.wait()
        assert await outside.states() == ["done"]


async def test_stopping_waits_for_attempts_and_not_for_retries() -> None:
    outside = Outside()
    outside.deliverer.answer(FAILED)
    async with outside.running():
        outside.happen("1")
        await rest()
        gate = outside.deliverer.hold()
        outside.happen("2", "3")
        await gate.reached.wait()
        outside.role.actor.mailbox.close()
        await rest()
        assert not outside.role.ended
        gate.open()
        await outside.role.stop()
    assert await outside.states() == ["retry", "done", "pending"]


async def test_a_full_disk_holds_the_consumer_up_and_costs_it_no_restart() -> None:
    outside = Outside()
    for step in ("record", "begin", "conclude"):
        outside.plan.fail(step, DiskFull("effects.db"))
    async with outside.running():
        outside.happen("1")
        for _ in range(3):
            assert await outside.states() != ["done"]
            await outside.pass_time(1)
        assert await outside.states() == ["done"]
        assert (outside.deliverer.sent, outside.role.restarts) == ([1], 0)


async def let_one_event_end_it(outside: Outside) -> None:
    async with outside.running():
        outside.happen("1")
        await outside.role.until_ended()


@pytest.mark.parametrize("step", ["record", "begin", "payloads", "conclude"])
async def test_a_ledger_that_fails_ends_the_process(step: str) -> None:
    outside = Outside()
    outside.plan.fail(step, StorageFailed("effects.db", "fdatasync", "made to fail"))
    with pytest.raises(ExceptionGroup) as failed:
        await let_one_event_end_it(outside)
    assert failed.group_contains(StorageFailed)


async def test_a_store_that_breaks_under_a_deliverer_ends_the_process() -> None:
    outside = Outside()
    outside.deliverer.answer(Corruption("write.db", None, "made up", "Restore it."))
    with pytest.raises(ExceptionGroup) as failed:
        await let_one_event_end_it(outside)
    assert failed.group_contains(Corruption)


async def test_a_long_backlog_is_taken_up_by_its_ids_and_not_by_its_payloads(tmp_path: Path) -> None:
    outside, count, size = Outside(), 10_000, 4_000
    ledger = await SqliteEffectLedger.open(tmp_path / "effects.db")
    await ledger.open_consumer(NAME, 0)
    for first in range(1, count, 1000):
        effects = [
            Effect(effect_id(NAME, position, bytes(32), 0), NAME, position, 0, f"account-{position}", "x" * size)
            for position in range(first, first + 1000)
        ]
        await ledger.record(NAME, effects, expected=first - 1, position=first + 999)
    outside.ledger = ledger
    actor = outside.create()
    tracemalloc.start()
    await actor.start()
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await ledger.close()
    assert kept < count * 600
    assert most < kept + 300 * size
    assert actor.next_attempt() == 0.0


async def test_a_consumer_that_fails_again_and_again_is_halted() -> None:
    outside = Outside()
    outside.plan.fail_always("begin", lambda: CommitRefused("made to fail"))
    async with outside.running(restarts=2):
        outside.happen("1")
        for _ in range(5):
            await outside.pass_time(1)
        assert (outside.role.state, outside.deliverer.sent) == ("halted", [])
