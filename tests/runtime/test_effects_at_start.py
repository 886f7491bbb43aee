"""A start and its consumers of effects: where each begins, and when the runtime refuses to begin at all."""

import pytest
from twofold import Config, Retry, Runtime
from twofold.runtime.effects import LedgerGone
from twofold.stores.errors import Corruption, StorageFailed

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.noting import Calls
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_new_consumer_starts_at_the_head_and_one_that_wants_everything_at_the_first_event(
    config: Config,
) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(3)], wait="handled")
    newcomer, historian = Calls("newcomer"), Calls("historian", from_start=True)
    for calls in (newcomer, historian):
        async with Runtime(calls.app, config) as runtime:
            await runtime.submit(OpenAccount(f"for {calls.app.domain().effects.keys()}", "Ada"))
            await runtime.settled()
    assert newcomer.positions == [4]
    assert historian.positions == [1, 2, 3, 4, 5]


async def test_a_consumer_is_registered_before_a_command_is_admitted(config: Config) -> None:
    plan = Plan()
    plan.fail("register_consumer", StorageFailed("write.db", "fdatasync", "made to fail"))
    with pytest.raises(StorageFailed):
        async with Runtime(Calls().app, config, open_stores=planned(plan)):
            pytest.fail("it must not start")
    calls = Calls()
    async with Runtime(calls.app, config) as runtime:
        assert await runtime._stores.events.consumers() == {"calls": 0}
        await runtime.submit(OpenAccount("1", "Ada"))
        await runtime.settled()
    assert calls.positions == [1]


async def test_a_ledger_that_is_gone_is_a_refusal_to_start(config: Config) -> None:
    async with Runtime(Calls().app, config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
    for file in config.data.dir.glob("effects.db*"):
        file.unlink()
    calls = Calls()
    with pytest.raises(LedgerGone, match=r"calls.*Restore both"):
        async with Runtime(calls.app, config):
            pytest.fail("it must not start")
    assert calls.seen == []


async def test_a_ledger_that_is_ahead_of_the_history_is_a_refusal_to_start(config: Config) -> None:
    async with Runtime(Calls().app, config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        await runtime.settled()
        await runtime._stores.effects.record("calls", [], expected=1, position=9)
    with pytest.raises(Corruption, match="calls is at position 9"):
        async with Runtime(Calls().app, config):
            pytest.fail("it would leave out the effects of the next events")


async def test_a_consumer_that_the_code_no_longer_has_is_left_alone(config: Config) -> None:
    first = Calls()
    first.failing = True
    async with Runtime(first.app, config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        await until(lambda: first.seen)
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("2", "Ada"))
        await runtime.settled()
        assert (await runtime._stores.effects.consumers())["calls"].cursor == 1
    again = Calls(retry=Retry("1ms"))
    async with Runtime(again.app, config) as runtime:
        await runtime.settled()
    assert again.positions == [1, 2]
