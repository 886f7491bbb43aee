"""Leaving a Runtime's block: everything is drained in order, everybody is answered, and nothing accepted is lost."""

from pathlib import Path

import anyio
import pytest
from twofold import Config, NotRunning, OutcomeUnknown, Receipt, Runtime, Stopping
from twofold.runtime.config import DataSettings
from twofold.stores.errors import StorageFailed

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


async def test_what_was_accepted_is_handled_and_projected_before_the_block_is_left(config: Config) -> None:
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(50)])
    assert sum(len(commit.outcomes) for commit in plan.commits) == 50
    assert (runtime._pipeline.projector.state, runtime._pipeline.projected.value) == ("stopped", 50)


async def test_callers_who_wait_while_the_block_is_left_are_answered(config: Config) -> None:
    answers: list[Receipt] = []

    async def submit(runtime: Runtime, account: str) -> None:
        answers.append(await runtime.submit(OpenAccount(account, "Ada"), wait="projected", timeout=None))

    async with anyio.create_task_group() as tasks:
        plan = Plan()
        append = plan.hold("append")
        async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
            for n in range(10):
                tasks.start_soon(submit, runtime, str(n))
            await append.reached.wait()
            append.open()
        with pytest.raises(NotRunning):
            await runtime.submit(OpenAccount("late", "Ada"))
    assert {answer.stage for answer in answers} == {"projected"}
    assert len(answers) == 10


@pytest.mark.parametrize("stuck_in", ["append", "commit", "apply"])
async def test_what_is_not_done_within_the_limit_waits_for_the_next_start(config: Config, stuck_in: str) -> None:
    answers: list[Receipt | OutcomeUnknown | Stopping] = []

    async def submit(runtime: Runtime) -> None:
        try:
            command = OpenAccount("1", "Ada")
            answers.append(await runtime.submit(command, command_id="o1", wait="projected", timeout=None))
        except (OutcomeUnknown, Stopping) as error:
            answers.append(error)

    plan = Plan()
    gate = plan.hold(stuck_in)
    async with anyio.create_task_group() as tasks:
        runtime = Runtime(accounts_app(), config, open_stores=planned(plan), stop_limit=0.05)
        async with runtime:
            tasks.start_soon(submit, runtime)
            await gate.reached.wait()

            async def let_go_once_it_is_cancelled() -> None:
                await until(lambda: all(role._stopping for role in runtime._pipeline.roles))
                gate.open()  # the write ends after all: it was begun, and is shielded

            tasks.start_soon(let_go_once_it_is_cancelled)
        await until(lambda: answers)
    (answer,) = answers
    assert isinstance(answer, Receipt)
    assert (answer.offset, answer.stage == "projected" or answer.timed_out) == (1, True)
    async with Runtime(accounts_app(), config) as runtime:
        again = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="projected")
        assert (again.offset, again.repeated) == (1, True)
        assert len(await runtime.history("account-1")) == 1


async def test_an_error_of_the_block_passes_through_as_it_is(config: Config) -> None:
    class Mine(Exception):
        pass

    with pytest.raises(Mine):  # noqa: PT012 - it is raised inside on purpose
        async with Runtime(accounts_app(), config) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"))
            raise Mine
    async with Runtime(accounts_app(), config) as runtime:
        assert (await runtime.query("accounts")).value == ["1"], "it stopped in order all the same"


async def test_a_cancelled_block_stops_every_role_and_loses_nothing(config: Config) -> None:
    with anyio.CancelScope() as scope:
        async with Runtime(accounts_app(), config) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"))
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert {role.state for role in runtime._pipeline.roles} == {"stopped"}
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.settled()
        assert (await runtime.query("accounts")).value == ["1"]


async def test_a_start_that_fails_raises_its_cause_and_leaves_the_folder_free(config: Config) -> None:
    plan = Plan()
    plan.fail("cursor", None, StorageFailed("write.db", "read", "made to fail"))
    with pytest.raises(StorageFailed):
        async with Runtime(accounts_app(), config, open_stores=planned(plan)):
            pytest.fail("it must not start")
    async with Runtime(accounts_app(), config):
        await turns()


async def test_those_whose_command_was_never_appended_are_told_that_they_may_try_again(config: Config) -> None:
    app, plan, told = accounts_app(), Plan(), dict[str, Exception]()
    asked = anyio.Event()

    @app.validate
    async def ask_for_ever(command: OpenAccount) -> None:
        if command.owner == "asks":
            asked.set()
            await anyio.sleep_forever()

    async def submit(runtime: Runtime, owner: str) -> None:
        try:
            await runtime.submit(OpenAccount(owner, owner), timeout=None)
        except (OutcomeUnknown, Stopping) as error:
            told[owner] = error

    append = plan.hold("append")
    async with anyio.create_task_group() as tasks:
        with pytest.raises(StorageFailed):  # noqa: PT012 - the failure comes out of the block
            async with Runtime(app, config, open_stores=planned(plan)) as runtime:
                tasks.start_soon(submit, runtime, "appended")
                await append.reached.wait()
                tasks.start_soon(submit, runtime, "asks")
                await asked.wait()
                tasks.start_soon(submit, runtime, "waits in the mailbox")
                await turns()
                append.open(StorageFailed("the log", "fdatasync", "made to fail"))
                await anyio.sleep_forever()
    assert {owner: type(error) for owner, error in told.items()} == {
        "appended": OutcomeUnknown,
        "asks": Stopping,
        "waits in the mailbox": Stopping,
    }


async def test_what_fails_while_stopping_leaves_nothing_open(tmp_path: Path) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    runtime = Runtime(accounts_app(), config)

    async def fail() -> None:
        raise LookupError("no such deliverer")

    with pytest.raises(BaseExceptionGroup) as raised:
        async with runtime:
            runtime._pipeline.effects.close = fail  # type: ignore[method-assign]
    assert raised.value.subgroup(LookupError) is not None
    async with Runtime(accounts_app(), config) as again:
        assert again.readiness().ready
