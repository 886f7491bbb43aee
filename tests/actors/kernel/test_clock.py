"""Time for tests stands still until it is moved; then everything due happens, in order, at its time."""

import time

import anyio
import pytest
from twofold.actors.kernel.clock import HeldClock, SystemClock

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_calls_are_made_in_the_order_in_which_they_fall_due_and_at_their_time() -> None:
    clock, made = HeldClock(now=1_000_000), list[tuple[str, int]]()
    clock.call_later(2.0, lambda: made.append(("later", clock.now())))
    clock.call_later(0.5, lambda: made.append(("sooner", clock.now())))
    clock.advance(1.0)
    assert made == [("sooner", 1_500_000)]
    clock.advance(5.0)
    assert made == [("sooner", 1_500_000), ("later", 3_000_000)]
    assert (clock.now(), clock.monotonic()) == (7_000_000, 6.0)


async def test_a_call_that_was_called_off_is_not_made() -> None:
    clock, made = HeldClock(), list[str]()
    clock.call_later(1.0, lambda: made.append("made")).cancel()
    clock.advance(2.0)
    assert made == []


async def test_a_sleeper_wakes_when_time_is_moved_and_not_before() -> None:
    clock, woken = HeldClock(), anyio.Event()

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


async def test_the_machines_clock_tells_microseconds_and_calls_back() -> None:
    clock, called = SystemClock(), anyio.Event()
    assert abs(clock.now() - time.time() * 1e6) < 5e6
    clock.call_later(0.0, called.set)
    with anyio.fail_after(5):
        await called.wait()
