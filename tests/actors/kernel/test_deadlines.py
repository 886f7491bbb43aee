"""Many waits, few timers: each ends in time, and nothing is kept of those that ended before."""

from math import inf

import pytest
from twofold.actors.kernel.deadlines import Deadlines
from twofold.runtime.testing import VirtualClock

pytestmark = pytest.mark.timeout(30)


class Waiting:
    def __init__(self) -> None:
        self.ended = False
        self.expired = False

    def expire(self) -> None:
        self.ended = self.expired = True


@pytest.mark.parametrize("seconds", [0.0, 5e-324, 1e-9, 0.001, 0.05, 0.07, 0.333333, 1.0, 29.99, 30.0, 3599.5])
def test_a_wait_ends_in_its_time_or_a_hundredth_of_that_later(seconds: float) -> None:
    clock = VirtualClock()
    deadlines, wait = Deadlines(clock), Waiting()
    deadlines.add(wait, seconds)
    clock.advance(seconds * 0.999)
    assert wait.expired == (seconds < 1e-9)
    clock.advance(seconds * 0.0111 + 1e-9)
    assert wait.expired


def test_a_wait_without_a_limit_lasts_until_it_ends() -> None:
    clock = VirtualClock()
    deadlines, wait = Deadlines(clock), Waiting()
    deadlines.add(wait, inf)
    clock.advance(1e9)
    assert not wait.expired


def test_waits_of_many_lengths_share_few_timers_and_leave_nothing_behind() -> None:
    deadlines = Deadlines(VirtualClock())
    for number in range(20_000):
        wait = Waiting()
        deadlines.add(wait, 1.0 + number / 20_000 * 3000)
        wait.ended = True
    assert len(deadlines._queues) < 4_000
    assert sum(map(len, deadlines._queues.values())) <= 1_025


def test_few_of_those_that_ended_in_their_order_are_kept_beside_one_that_lasts() -> None:
    deadlines, lasting = Deadlines(VirtualClock()), Waiting()
    for number in range(500):
        wait = Waiting() if number < 499 else lasting
        deadlines.add(wait, 30.0)
        wait.ended = wait is not lasting
    assert sum(map(len, deadlines._queues.values())) <= 32


def test_those_that_ended_are_not_expired() -> None:
    clock = VirtualClock()
    deadlines, ended, other = Deadlines(clock), Waiting(), Waiting()
    for wait in (ended, other):
        deadlines.add(wait, 5.0)
    ended.ended = True
    clock.advance(5.1)
    assert (ended.expired, other.expired) == (False, True)
