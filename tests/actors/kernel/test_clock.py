"""The machine's own clock; the one that tests move by hand is in ``tests/runtime/testing``."""

import time

import anyio
import pytest
from twofold.actors.kernel.clock import SystemClock

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_the_machines_clock_tells_microseconds_and_calls_back() -> None:
    clock, called = SystemClock(), anyio.Event()
    assert abs(clock.now() - time.time() * 1e6) < 5e6
    clock.call_later(0.0, called.set)
    with anyio.fail_after(5):
        await called.wait()
