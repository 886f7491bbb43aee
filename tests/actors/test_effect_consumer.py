"""A consumer of effects: attempts noted before they are made, retries in order, and nobody else held up."""

import pytest
from twofold import Retry
from twofold.actors.delivery import Delivered, Refused, TryAgain

from tests.doubles.consuming import FAILED, Outside, rest

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


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
