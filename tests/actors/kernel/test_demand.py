"""Whoever does a thing can tell whether anybody waits for it, and is told of the first one who does."""

import anyio
import pytest
from twofold.actors.kernel.demand import Demand

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_all_who_look_out_for_it_are_told_of_the_first_one_who_waits() -> None:
    demand, told = Demand(), list[str]()

    async def look_out(name: str) -> None:
        await demand.wait()
        told.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look_out, "handler")
        tasks.start_soon(look_out, "projector")
        await turns()
        assert told == []
        demand.rise()
    assert sorted(told) == ["handler", "projector"]


async def test_it_is_there_until_the_last_one_waits_no_more() -> None:
    demand = Demand()
    demand.rise()
    demand.rise()
    demand.fall()
    await demand.wait()
    demand.fall()
    with anyio.move_on_after(0) as looking_out:
        await demand.wait()
    assert looking_out.cancelled_caught
    demand.rise()
    await demand.wait()


async def test_whoever_looks_out_for_it_can_be_called_though_nobody_waits() -> None:
    demand = Demand()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(demand.wait)
        await turns()
        demand.hasten()
