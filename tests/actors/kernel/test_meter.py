"""A meter tells how much was handled lately, in bounded memory."""

import pytest
from twofold.actors.kernel.meter import Meter
from twofold.runtime.testing import VirtualClock


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    clock = VirtualClock()
    meter = Meter(clock)
    meter.count(500)
    clock.advance(6)
    meter.count(100)
    assert meter.rate() == 60.0
    clock.advance(6)
    assert meter.rate() == 10.0
    clock.advance(6)
    assert meter.rate() == 0.0


def test_many_counts_in_a_short_time_are_kept_as_few() -> None:
    clock = VirtualClock()
    meter = Meter(clock)
    for _ in range(10_000):
        clock.advance(0.001)
        meter.count(1)
    assert meter.rate() == pytest.approx(1000, rel=0.05)
    assert len(meter._counts) < 200
