"""A watermark only rises, and wakes those whose height it has reached."""

import anyio
import pytest
from twofold.actors.kernel.demand import Demand
from twofold.actors.kernel.watermark import Watermark

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_it_never_falls() -> None:
    mark = Watermark(3)
    mark.rise(2)
    assert mark.value == 3
    assert await mark.reach(3) == 3


async def test_each_waiter_is_woken_at_its_own_height() -> None:
    mark = Watermark()
    woken: list[int] = []

    async def wait(height: int) -> None:
        await mark.reach(height)
        woken.append(height)

    async with anyio.create_task_group() as tasks:
        for height in (5, 2, 9):
            tasks.start_soon(wait, height)
        await turns()
        mark.rise(5)
        await turns()
        assert sorted(woken) == [2, 5]
        mark.rise(9)
    assert sorted(woken) == [2, 5, 9]


async def test_whoever_gives_up_leaves_nothing_behind() -> None:
    mark = Watermark()
    for height in (10**9, 10**9 + 1, 7):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await mark.reach(height)
    assert mark._waiting == []
    mark.rise(10**9)


async def test_those_who_reach_for_more_are_a_part_of_the_demand_while_they_wait_and_those_who_watch_are_not() -> None:
    demand = Demand()
    mark = Watermark(demand=demand)
    await mark.reach(0)
    assert demand.waiting == 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mark.reach, 1)
        tasks.start_soon(mark.reach, 2)
        await turns()
        assert demand.waiting == 2
        mark.rise(1)
        await turns()
        assert demand.waiting == 1
        tasks.start_soon(mark.watch, 2)
        await turns()
        assert demand.waiting == 1
        tasks.cancel_scope.cancel()
    assert demand.waiting == 0
