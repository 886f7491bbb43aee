"""What fails in a runtime is restarted or ends it, and every caller has an answer."""

import anyio
import pytest
from twofold import Config, CoreFailed, OutcomeUnknown, Receipt, Runtime, Stopping, TwofoldError
from twofold.runtime.cli.exit_codes import ExitCode, exit_code_of
from twofold.runtime.config import SupervisionSettings
from twofold.runtime.testing import VirtualClock
from twofold.stores.errors import Locked, StorageFailed, WrongCursor

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

BROKEN = StorageFailed("a file", "fdatasync", "made to fail")


@pytest.mark.parametrize("operation", ["append", "commit", "apply", "outcomes", "states"])
async def test_a_failed_device_ends_the_runtime_and_every_caller_has_an_answer(config: Config, operation: str) -> None:
    plan, answers = Plan(), list[object]()
    plan.fail(operation, BROKEN)

    async def submit(runtime: Runtime, account: str) -> None:
        try:
            answers.append(await runtime.submit(OpenAccount(account, "Ada"), command_id=account, wait="projected"))
        except (OutcomeUnknown, Stopping) as error:
            answers.append(error)

    async with anyio.create_task_group() as tasks:  # callers who live longer than the Runtime
        with pytest.raises(StorageFailed):  # noqa: PT012 - the failure comes out of the block
            async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
                for n in range(5):
                    tasks.start_soon(submit, runtime, str(n))
                await anyio.sleep_forever()
    assert len(answers) == 5
    if operation == "append":
        assert {type(answer) for answer in answers} <= {OutcomeUnknown, Stopping}
        assert OutcomeUnknown in {type(answer) for answer in answers}
    async with Runtime(accounts_app(), config) as runtime:
        answered = {answer.command_id for answer in answers if isinstance(answer, Receipt)}
        for command_id in answered:
            assert (await runtime.submit(OpenAccount(command_id, "Ada"), command_id=command_id)).repeated


async def test_a_handler_that_fails_again_and_again_ends_the_runtime(config: Config) -> None:
    config = Config(data=config.data, supervision=SupervisionSettings(backoff_first=0.001, restarts=3))
    plan = Plan()
    plan.fail_always("commit", lambda: WrongCursor("handler", 0, 1))
    with pytest.raises(CoreFailed, match="command handler") as raised:  # noqa: PT012 - it comes out of the block
        async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"))
            await anyio.sleep_forever()
    assert plan.calls["commit"] == 4
    failure = raised.value
    assert isinstance(failure, TwofoldError), "one clause catches all that Twofold raises"
    assert (failure.role, failure.restarts, type(failure.cause)) == ("command handler", 3, WrongCursor)
    assert exit_code_of(failure) == ExitCode.CORE_FAILED


async def test_a_validator_that_restarts_takes_back_what_is_under_way(config: Config) -> None:
    config = Config(data=config.data, supervision=SupervisionSettings(backoff_first=0.001))
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        commit = plan.hold("commit")
        await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
        plan.fail("outcomes", Locked("write.db", None))
        with pytest.raises(Stopping):
            await runtime.submit(OpenAccount("2", "Ada"), command_id="o2")
        await until(lambda: runtime.statistics()[0].state == "running" and runtime.statistics()[0].restarts == 1)
        again = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
        assert (again.offset, again.repeated) == (1, True)
        commit.open()
        await runtime.submit(OpenAccount("2", "Ada"), command_id="o2", wait="handled")
        assert runtime._pipeline.in_flight.logged == 0


async def test_a_commit_that_a_restart_cuts_off_is_told_to_those_who_wait_and_to_the_projector(config: Config) -> None:
    config = Config(data=config.data, supervision=SupervisionSettings(backoff_first=0.001))
    plan, clock = Plan(), VirtualClock()
    async with Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime:
        committed = plan.hold("committed")  # durable, and not yet known to be

        async def submit() -> None:
            await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="projected", timeout=None)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(submit)
            await committed.reached.wait()
            plan.fail("retain", WrongCursor("anything", 0, 1))  # a companion fails, and the actor with it
            clock.advance(60)
            await until(lambda: plan.calls["retain"])
            await turns()
            committed.open()
            await until(lambda: runtime.statistics()[1].state == "restarting")
            await turns()
            clock.advance(1)
        await runtime.submit(OpenAccount("2", "Ada"), wait="projected")
        assert (await runtime.query("accounts")).value == ["1", "2"]
