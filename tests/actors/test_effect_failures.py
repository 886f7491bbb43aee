"""What fails around a consumer of effects: a full disk is waited for, a bug is tried again, a broken store ends all."""

import asyncio

import pytest
from twofold import Retry
from twofold.stores.errors import CommitRefused, Corruption, DiskFull, StorageFailed

from tests.doubles.consuming import Outside, rest

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_nothing_is_sent_whose_attempt_could_not_be_recorded() -> None:
    outside = Outside()
    outside.plan.fail("begin", CommitRefused("made to fail"))
    async with outside.running():
        outside.happen("1")
        await rest()
        assert outside.deliverer.sent == []
        await outside.pass_time(0.1)
        assert outside.deliverer.sent == [1]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), asyncio.CancelledError()])
async def test_a_deliverer_that_raises_is_tried_again(error: BaseException) -> None:
    outside = Outside(retry=Retry("1s"))
    outside.deliverer.answer(error)
    async with outside.running():
        outside.happen("1")
        await rest()
        assert (await outside.effect(1)).state == "retry"
        await outside.pass_time(1)
        assert await outside.states() == ["done"]
        assert outside.role.restarts == 0


async def test_a_full_disk_holds_the_consumer_up_and_costs_it_no_restart() -> None:
    outside = Outside()
    for step in ("record", "begin", "conclude"):
        outside.plan.fail(step, DiskFull("effects.db"))
    async with outside.running():
        outside.happen("1")
        for _ in range(3):
            assert await outside.states() != ["done"]
            await outside.pass_time(1)
        assert await outside.states() == ["done"]
        assert (outside.deliverer.sent, outside.role.restarts) == ([1], 0)


async def let_one_event_end_it(outside: Outside) -> None:
    async with outside.running():
        outside.happen("1")
        await outside.role.until_ended()


@pytest.mark.parametrize("step", ["record", "begin", "payloads", "conclude"])
async def test_a_ledger_that_fails_ends_the_process(step: str) -> None:
    outside = Outside()
    outside.plan.fail(step, StorageFailed("effects.db", "fdatasync", "made to fail"))
    with pytest.raises(ExceptionGroup) as failed:
        await let_one_event_end_it(outside)
    assert failed.group_contains(StorageFailed)


async def test_a_store_that_breaks_under_a_deliverer_ends_the_process() -> None:
    outside = Outside()
    outside.deliverer.answer(Corruption("write.db", None, "made up", "Restore it."))
    with pytest.raises(ExceptionGroup) as failed:
        await let_one_event_end_it(outside)
    assert failed.group_contains(Corruption)


async def test_a_consumer_that_fails_again_and_again_is_halted() -> None:
    outside = Outside()
    outside.plan.fail_always("begin", lambda: CommitRefused("made to fail"))
    async with outside.running(restarts=2):
        outside.happen("1")
        for _ in range(5):
            await outside.pass_time(1)
        assert (outside.role.state, outside.deliverer.sent) == ("halted", [])
