"""Time for tests stands still until it is moved; then everything due happens, in order, at its time."""

from datetime import UTC, datetime

import anyio
import pytest
from twofold.actors.domain import moment
from twofold.runtime.testing import START, VirtualClock

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_calls_are_made_in_the_order_in_which_they_fall_due_and_at_their_time() -> None:
    clock, made = VirtualClock(moment(1_000_000)), list[tuple[str, int]]()
    clock.call_later(2.0, lambda: made.append(("later", clock.now())))
    clock.call_later(0.5, lambda: made.append(("sooner", clock.now())))
    clock.advance(1.0)
    assert made == [("sooner", 1_500_000)]
    clock.advance(5.0)
    assert made == [("sooner", 1_500_000), ("later", 3_000_000)]
    assert (clock.now(), clock.monotonic()) == (7_000_000, 6.0)


async def test_a_call_that_a_call_asks_for_is_made_too_if_it_falls_due() -> None:
    clock, made = VirtualClock(moment(0)), list[int]()

    def again() -> None:
        made.append(clock.now())
        clock.call_later(1.0, again)

    clock.call_later(1.0, again)
    clock.advance(3.5)
    assert made == [1_000_000, 2_000_000, 3_000_000]


async def test_a_call_that_was_overdue_when_it_was_asked_for_does_not_turn_time_back() -> None:
    clock, made = VirtualClock(moment(5_000_000)), list[int]()
    clock.call_later(-2.0, lambda: made.append(clock.now()))
    clock.advance(0)
    assert (made, clock.now(), clock.monotonic()) == ([5_000_000], 5_000_000, 0.0)


async def test_a_call_that_was_called_off_is_not_made() -> None:
    clock, made = VirtualClock(), list[str]()
    clock.call_later(1.0, lambda: made.append("made")).cancel()
    clock.advance(2.0)
    assert made == []


async def test_a_sleeper_wakes_when_time_is_moved_and_not_before() -> None:
    clock, woken = VirtualClock(), anyio.Event()

    async def sleep() -> None:
        await clock.sleep(10)
        woken.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        await turns()
        clock.advance(9.999)
        await turns()
        assert not woken.is_set()
        clock.advance(0.001)
        with anyio.fail_after(5):
            await woken.wait()


def test_it_starts_where_it_is_told_to() -> None:
    noon = datetime(2011, 5, 31, 12, tzinfo=UTC)
    assert moment(VirtualClock(noon).now()) == noon
    assert moment(VirtualClock().now()) == START
    with pytest.raises(ValueError, match="has no time zone, so it is no moment"):
        VirtualClock(noon.replace(tzinfo=None))


@pytest.mark.parametrize("seconds", [-0.001, float("nan")])
def test_it_does_not_go_back(seconds: float) -> None:
    with pytest.raises(ValueError, match="Time does not go back"):
        VirtualClock().advance(seconds)
