"""Where there is no room, for a command in memory or for a byte on the device, what was accepted waits and goes on."""

import anyio
import pytest
from twofold import Config, NoSpace, Overloaded, Receipt, Runtime
from twofold.runtime.config import ValidatorSettings
from twofold.runtime.testing import VirtualClock
from twofold.stores.errors import DiskFull

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_full_mailbox_refuses_and_afterwards_all_is_well(config: Config) -> None:
    config = Config(data=config.data, validator=ValidatorSettings(mailbox=2, batch=1))
    plan = Plan()
    gate = plan.hold("append")
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        overloaded: list[Overloaded] = []

        async def submit(account: str) -> None:
            try:
                await runtime.submit(OpenAccount(account, "Ada"))
            except Overloaded as refusal:
                overloaded.append(refusal)

        async with anyio.create_task_group() as tasks:
            for n in range(20):
                tasks.start_soon(submit, str(n))
                await turns()
            await gate.reached.wait()
            assert overloaded
            gate.open()
        assert (await runtime.submit(OpenAccount("more", "Ada"), wait="handled")).stage == "handled"
        assert runtime._stores.log.end() == 21 - len(overloaded)


async def test_admission_stops_while_too_many_commands_are_unhandled(config: Config) -> None:
    config = Config(data=config.data, validator=ValidatorSettings(max_unhandled=3))
    plan = Plan()
    gate = plan.hold("commit")
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        answers = await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(5)])
        assert [type(answer) for answer in answers] == [Receipt] * 3 + [Overloaded] * 2
        with pytest.raises(Overloaded):
            await runtime.submit(OpenAccount("6", "Ada"))
        gate.open()
        await runtime.settled()
        await runtime.submit(OpenAccount("6", "Ada"))


@pytest.mark.parametrize("operation", ["commit", "apply"])
async def test_on_a_full_device_what_was_accepted_waits_and_goes_on_by_itself(config: Config, operation: str) -> None:
    plan, clock = Plan(), VirtualClock()
    plan.fail_always(operation, lambda: DiskFull("a file"))
    async with Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
        await until(lambda: plan.calls[operation])
        await turns()
        with pytest.raises(NoSpace):
            await runtime.submit(OpenAccount("2", "Ada"))
        for _ in range(20):
            clock.advance(1)
            await turns()
        assert plan.calls[operation] > 10
        plan.relent(operation)
        clock.advance(1)
        await runtime.settled()
        assert await runtime.query("accounts") == (await runtime.query("accounts", min_position=1))
        await runtime.submit(OpenAccount("2", "Ada"))
        assert [role.restarts for role in runtime.statistics()] == [0, 0, 0]


async def test_a_full_log_refuses_new_commands_and_takes_them_again_once_there_is_room(config: Config) -> None:
    plan = Plan()
    plan.fail("append", DiskFull("the log"))
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        with pytest.raises(NoSpace):
            await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
        assert not (await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")).repeated
        assert [role.restarts for role in runtime.statistics()] == [0, 0, 0]


async def test_a_full_device_while_old_segments_are_deleted_restarts_nobody(config: Config) -> None:
    plan, clock = Plan(), VirtualClock()
    plan.fail("retain", DiskFull("the manifest"))
    async with Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
        clock.advance(60)
        await until(lambda: plan.calls["retain"] == 1)
        await turns()
        clock.advance(1)
        await until(lambda: plan.calls["retain"] == 2)
        assert [role.restarts for role in runtime.statistics()] == [0, 0, 0]
