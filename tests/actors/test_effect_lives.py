"""What one life of a consumer of effects left is taken up by the next: nothing lost, and nothing entered twice."""

import tracemalloc
from pathlib import Path

import pytest
from twofold import Retry
from twofold.actors.delivery import Delivered, Refused
from twofold.stores.effect_records import Effect, effect_id
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger

from tests.doubles.consuming import FAILED, NAME, Outside, rest

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


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
