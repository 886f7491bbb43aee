"""When a consumer of effects sends: in order, at its pace, in its calls, and not while somebody says to wait."""

import pytest
from twofold import Retry
from twofold.actors.delivery import Delivered, Delivery, Paused, Refused, TryAgain
from twofold.stores.effect_records import EffectRecord
from twofold.stores.errors import DiskFull

from tests.doubles.consuming import NAME, Outside, rest

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

FAILED = TryAgain("not now")


async def test_a_wait_that_the_other_side_asks_for_is_kept() -> None:
    outside = Outside(retry=Retry("1s"))
    outside.deliverer.answer(TryAgain("busy", after=90.0))
    async with outside.running():
        outside.happen("1")
        await rest()
        await outside.pass_time(89)
        assert outside.deliverer.sent == [1]
        await outside.pass_time(1)
        assert outside.deliverer.sent == [1, 1]


async def test_slowing_down_holds_the_whole_consumer_and_never_parks() -> None:
    outside = Outside(retry=Retry("1s", "8s", attempts=3))
    outside.deliverer.always = lambda _: TryAgain("throttled", slow_down=True)
    async with outside.running():
        outside.happen("1", "2", "3")
        await rest()
        assert outside.deliverer.sent == [1]
        for _ in range(20):
            await outside.pass_time(8)
        assert len(outside.deliverer.sent) == 21, "one attempt after each pause"
        assert await outside.states() == ["retry", "pending", "pending"]
        outside.deliverer.always = None
        outside.deliverer.answer(FAILED)
        await outside.pass_time(8)
        assert (await outside.effect(1)).state == "retry", "the throttled attempts were not its own failures"
        await outside.pass_time(8)
        assert await outside.states() == ["done"] * 3


async def test_attempts_that_were_held_up_do_not_park_after_a_restart_either() -> None:
    outside = Outside(retry=Retry("1s", "8s", attempts=3))
    outside.deliverer.always = lambda _: TryAgain("throttled", slow_down=True)
    async with outside.running():
        outside.happen("1")
        for _ in range(10):
            await outside.pass_time(8)
    outside.deliverer.always = lambda _: FAILED
    async with outside.running():
        for failures in (1, 2):
            await outside.pass_time(8)
            assert await outside.states() == ["retry"]
            assert (await outside.effect(1)).failures == failures
        await outside.pass_time(8)
        assert await outside.states() == ["parked"], "its own failures do count"


async def test_an_effect_is_parked_after_as_many_failures_of_its_own_as_are_allowed_however_many_starts() -> None:
    outside = Outside(retry=Retry("1s", "8s", attempts=5))
    outside.deliverer.always = lambda _: FAILED
    for life in range(1, 5):
        async with outside.running():
            if life == 1:
                outside.happen("1")
            await outside.pass_time(8)
            assert ((await outside.effect(1)).state, len(outside.deliverer.sent)) == ("retry", life + 1) or life == 4
    assert (await outside.effect(1)).state == "parked"
    assert (await outside.effect(1)).error == "after 5 attempts: not now"
    assert len(outside.deliverer.sent) == 5


async def test_the_ledger_tells_when_the_next_attempt_is_due_and_tells_anew_after_a_start() -> None:
    outside = Outside(retry=Retry("1m", "1h"))
    outside.deliverer.always = lambda _: FAILED

    async def told() -> float:
        due = (await outside.effect(1)).due
        assert due is not None
        assert (await outside.stored.next_attempts()) == {NAME: due}
        return (due - outside.clock.now()) / 1_000_000

    async with outside.running():
        outside.happen("1")
        await rest()
        assert await told() == pytest.approx(outside.actor.next_attempt() or 0, abs=0.001)
    outside.clock.jump(86_400)
    async with outside.running():
        assert 30 <= await told() <= 60
        assert await told() == pytest.approx(outside.actor.next_attempt() or 0, abs=0.001)
        gate = outside.deliverer.hold()
        outside.clock.advance(60)
        await gate.reached.wait()
        assert (await outside.effect(1)).due is None
        gate.open()


async def test_a_consumer_that_is_slowed_down_is_told_so_until_the_next_start_tries_anew() -> None:
    outside = Outside()
    outside.deliverer.always = lambda _: TryAgain("throttled", after=90.0, slow_down=True)
    async with outside.running():
        outside.happen("1", "2")
        await rest()
        held = (await outside.stored.consumers())[NAME].held_until
        assert held == outside.clock.now() + 90_000_000
        assert outside.actor.next_attempt() == 90.0
    outside.deliverer.always = None
    async with outside.running():
        assert (await outside.stored.consumers())[NAME].held_until is None


async def test_a_paused_consumer_sends_nothing_until_it_is_resumed_and_stays_so_over_a_restart() -> None:
    outside = Outside(retry=Retry("1s", "1h", attempts=1))
    outside.deliverer.answer(Paused("access \udc80 denied"))
    async with outside.running():
        outside.happen("1", "2")
        await rest()
        assert outside.actor.paused == "access \\udc80 denied"
        await outside.pass_time(86_400)
        await outside.quiet.wait()
    async with outside.running():
        await outside.pass_time(86_400)
        assert (outside.deliverer.sent, await outside.states()) == ([1], ["retry", "pending"])
        await outside.stored.pause(NAME, None)
        outside.actor.resume()
        await rest()
        await outside.pass_time(1)
        assert await outside.states() == ["done", "done"]


async def test_a_full_disk_does_not_undo_a_pause() -> None:
    outside = Outside()
    outside.deliverer.answer(Paused("access denied"))
    outside.plan.fail("pause", DiskFull("effects.db"), DiskFull("effects.db"))
    async with outside.running():
        outside.happen("1")
        await rest()
        await outside.pass_time(1)
        await outside.pass_time(1)
        assert outside.role.restarts == 0
        assert (await outside.stored.consumers())[NAME].paused == "access denied"


async def test_the_order_of_a_stream_is_kept_under_retries_with_many_calls_at_once() -> None:
    outside = Outside(concurrency=4, retry=Retry("1s", attempts=20))
    failing = {position: position % 3 for position in range(1, 31)}

    def answer(effect: EffectRecord) -> Delivery:
        failing[effect.position] -= 1
        return FAILED if failing[effect.position] >= 0 else Delivered()

    outside.deliverer.always = answer
    async with outside.running():
        outside.happen(*("abc" * 10))
        for _ in range(40):
            await outside.pass_time(60)
        assert await outside.states() == ["done"] * 30
    for first in (1, 2, 3):
        mine = [position for position in outside.deliverer.sent if position % 3 == first % 3]
        assert mine == sorted(mine)


async def test_a_consumer_without_order_is_not_held_up_by_a_stream() -> None:
    outside = Outside(ordered=False)
    outside.deliverer.always = lambda effect: Refused("no") if effect.position == 1 else Delivered()
    async with outside.running():
        outside.happen("a", "a", "a")
        await rest()
        assert await outside.states() == ["parked", "done", "done"]


async def test_as_many_calls_run_at_once_as_were_asked_for() -> None:
    outside = Outside(concurrency=3)
    gates = [outside.deliverer.hold() for _ in range(5)]
    async with outside.running():
        outside.happen(*"abcde")
        await rest()
        assert outside.deliverer.under_way == 3
        for gate in gates:
            gate.open()
        await rest()
        assert outside.deliverer.most_under_way == 3
        assert await outside.states() == ["done"] * 5


async def test_calls_side_by_side_share_their_commits_and_each_is_begun_before_it_is_made() -> None:
    outside = Outside(concurrency=8)
    gates = [outside.deliverer.hold() for _ in range(8)]
    async with outside.running():
        outside.happen(*"abcdefgh")
        await rest()
        assert await outside.states() == ["sending"] * 8
        for gate in gates:
            gate.open()
        await rest()
        assert await outside.states() == ["done"] * 8
        assert (outside.plan.calls["begin"], outside.plan.calls["conclude"]) == (1, 1)


async def test_a_call_that_hangs_holds_up_neither_the_others_nor_their_account() -> None:
    outside = Outside(concurrency=2)
    gate = outside.deliverer.hold()
    async with outside.running():
        outside.happen(*"abcdef")
        await rest()
        assert await outside.states() == ["sending"] + ["done"] * 5
        gate.open()
        await rest()
        assert await outside.states() == ["done"] * 6


async def test_what_stands_in_sending_at_a_crash_is_what_the_calls_held_and_is_parked_where_twice_is_worse() -> None:
    outside = Outside(concurrency=3, largest_call=2, at_most_once=True)
    for _ in range(3):
        outside.deliverer.hold()
    async with outside.running(stops=False):
        outside.happen(*"abcdefgh")
        await rest()
    assert await outside.states() == ["sending"] * 6 + ["pending"] * 2
    async with outside.running():
        await rest()
        assert await outside.states() == ["parked"] * 6 + ["done"] * 2


async def test_a_rate_is_kept_and_never_made_up_for() -> None:
    outside = Outside(rate=2.0, concurrency=10)
    async with outside.running():
        await outside.pass_time(1000)
        outside.happen(*"abcdefgh")
        await rest()
        assert len(outside.deliverer.sent) == 1
        for sent in range(2, 9):
            await outside.pass_time(0.5)
            assert len(outside.deliverer.sent) == sent


async def test_nothing_is_sent_before_the_read_database_has_its_event() -> None:
    outside = Outside(after_projection=True)
    async with outside.running():
        outside.happen("a", "b", "c")
        await outside.pass_time(3600)
        assert outside.deliverer.sent == []
        outside.projected.rise(2)
        await rest()
        assert outside.deliverer.sent == [1, 2]
        outside.projected.rise(3)
        await rest()
        assert outside.deliverer.sent == [1, 2, 3]


async def test_a_clock_on_the_wall_that_jumps_fires_nothing_early_and_nothing_at_once() -> None:
    outside = Outside(retry=Retry("1m", "1h", attempts=9), rate=1.0)
    outside.deliverer.always = lambda _: FAILED
    async with outside.running():
        outside.happen("a", "b")
        await outside.pass_time(1)
        assert outside.deliverer.sent == [1, 2]
        for jump in (86_400, -172_800, 2_208_988_800):
            outside.clock.jump(jump)
            await rest()
            await outside.pass_time(1)
            assert outside.deliverer.sent == [1, 2]
        await outside.pass_time(60)
        await outside.pass_time(1)
        assert sorted(outside.deliverer.sent) == [1, 1, 2, 2]


async def test_a_window_gathers_what_comes_in_it_into_one_call() -> None:
    outside = Outside(largest_call=100, window=1.0, ordered=False)
    async with outside.running():
        outside.happen("a")
        await outside.pass_time(0.4)
        outside.happen("b")
        await outside.pass_time(0.5)
        outside.happen("c")
        await rest()
        assert outside.deliverer.calls == []
        await outside.pass_time(0.1)
        assert outside.deliverer.calls == [[1, 2, 3]]
        outside.happen("d")
        await outside.pass_time(0.9)
        assert len(outside.deliverer.calls) == 1
        await outside.pass_time(0.1)
        assert outside.deliverer.calls == [[1, 2, 3], [4]]
