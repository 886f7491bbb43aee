"""Projections that changed: the start begins a new generation, and says so to whoever asks until it is filled."""

from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from twofold import App, Ask, Config, EventMeta, Reject, Runtime, Statement, sql
from twofold.actors.submission import ValidatorFailed
from twofold.runtime.config import DataSettings, ProjectorSettings
from twofold.runtime.queries import ProjectorHalted, Rebuilding
from twofold.runtime.rebuilds import RebuildUnderWay
from twofold.stores.errors import DiskFull, NoPreviousGeneration

from tests.doubles.accounts import (
    AccountOpened,
    Deposit,
    OpenAccount,
    accounts,
    accounts_app,
    accounts_decider,
    accounts_projection,
    decide,
    evolve,
    project_account,
)
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"), projector=ProjectorSettings(batch=2))


def changed_app() -> App:
    """Return the domain with its projection in a second version."""
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)
    decider.evolve(evolve)
    accounts_projection(app, version=2).on(project_account)
    app.query("accounts")(accounts)
    return app


async def filled(config: Config) -> None:
    """Leave a data folder with six accounts."""
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(6)], wait="projected")


async def test_until_it_is_filled_queries_are_refused_at_once_and_commands_go_on(config: Config) -> None:
    await filled(config)
    plan = Plan()
    plan.fail("apply", None)
    apply = plan.hold("apply")
    async with Runtime(changed_app(), config, open_stores=planned(plan)) as runtime:
        await apply.reached.wait()
        with pytest.raises(Rebuilding, match="2 events of 6") as refused:
            await runtime.query("accounts", timeout=None)
        assert (refused.value.done, refused.value.total) == (2, 6)
        progress = runtime.rebuilding()
        assert progress is not None
        assert (progress.done, progress.total) == (2, 6)
        with pytest.raises(RebuildUnderWay):
            await runtime.rebuild()
        handled = await runtime.submit(OpenAccount("6", "Ada"), command_id="o6", wait="handled")
        assert handled.stage == "handled"
        receipt = await runtime.submit(OpenAccount("6", "Ada"), command_id="o6", wait="projected", timeout=1.0)
        assert (receipt.stage, receipt.timed_out) == ("handled", True)
        apply.open()
        await runtime.settled()
        assert (await runtime.query("accounts")).value == list("0123456")
        await until(lambda: runtime.rebuilding() is None)


async def test_a_validator_that_asks_is_told_so_and_its_command_is_not_accepted(config: Config) -> None:
    await filled(config)
    app, plan = changed_app(), Plan()

    @app.validate
    async def is_new(command: OpenAccount, ask: Ask) -> list[Reject]:
        return [Reject("known")] if command.account in (await ask("accounts")).value else []

    apply = plan.hold("apply")
    async with Runtime(app, config, open_stores=planned(plan)) as runtime:
        await apply.reached.wait()
        with pytest.raises(ValidatorFailed):
            await runtime.submit(OpenAccount("9", "Ada"))
        apply.open()
        await runtime.settled()
        assert (await runtime.submit(OpenAccount("9", "Ada"), wait="projected")).stage == "projected"


async def test_a_start_after_an_end_in_the_middle_goes_on_where_it_was(config: Config) -> None:
    await filled(config)
    plan = Plan()
    plan.fail("apply", None, *[DiskFull("generation-000002.db")] * 100)
    async with Runtime(changed_app(), config, open_stores=planned(plan), stop_limit=0.1) as runtime:
        await until(lambda: runtime.rebuilding().done == 2)  # type: ignore[union-attr]
    plan = Plan()
    apply = plan.hold("apply")
    async with Runtime(changed_app(), config, open_stores=planned(plan)) as runtime:
        await apply.reached.wait()
        with pytest.raises(Rebuilding, match="2 events of 6"):
            await runtime.query("accounts")
        apply.open()
        await runtime.settled()
        assert plan.calls["apply"] == 2
        assert (await runtime.query("accounts")).value == list("012345")


async def test_a_full_disk_at_the_end_of_filling_is_waited_out_and_a_stop_does_not_wait(config: Config) -> None:
    await filled(config)
    for errors in (100, 1):
        plan = Plan()
        plan.fail("mark_filled", *[DiskFull("current")] * errors)
        async with Runtime(changed_app(), config, open_stores=planned(plan)) as runtime:
            await until(lambda plan=plan: plan.calls["mark_filled"] == 1)  # type: ignore[misc]
            assert (await runtime.query("accounts")).value == list("012345")
            if errors == 1:
                await until(lambda runtime=runtime: runtime.rebuilding() is None)  # type: ignore[misc]
    assert plan.calls["mark_filled"] == 2


async def test_once_it_was_filled_a_start_that_is_behind_makes_queries_wait_and_refuses_none(config: Config) -> None:
    await filled(config)
    async with Runtime(changed_app(), config) as runtime:
        await runtime.settled()
    plan = Plan()
    plan.fail_always("apply", lambda: DiskFull("generation-000002.db"))
    async with Runtime(changed_app(), config, open_stores=planned(plan), stop_limit=0.1) as runtime:
        await runtime.submit(OpenAccount("6", "Ada"), wait="handled")
    plan = Plan()
    apply = plan.hold("apply")
    async with Runtime(changed_app(), config, open_stores=planned(plan)) as runtime:
        answers: list[object] = []

        async def ask() -> None:
            answers.append((await runtime.query("accounts")).position)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await apply.reached.wait()
            assert answers == []
            apply.open()
        assert answers == [7]


async def test_a_projection_that_fails_while_filling_is_named_to_whoever_asks(config: Config) -> None:
    await filled(config)
    app = changed_app()
    owners = app.projection("owners", version=1, schema="CREATE TABLE owner(account TEXT PRIMARY KEY)")

    @owners.on
    def opened(event: AccountOpened, meta: EventMeta) -> list[Statement]:
        if meta.key == "3":
            raise ZeroDivisionError
        return [sql("INSERT INTO owner VALUES (?)", meta.key)]

    async with Runtime(app, config) as runtime:
        await until(lambda: runtime.statistics()[2].state == "halted")
        with pytest.raises(ProjectorHalted, match="owners failed at position 4"):
            await runtime.query("accounts")
        assert (await runtime.submit(Deposit("1", Decimal(1)), wait="handled")).stage == "handled"


async def test_there_is_no_way_back_to_what_other_projections_built(config: Config) -> None:
    await filled(config)
    async with Runtime(changed_app(), config) as runtime:
        await runtime.settled()
        await until(lambda: runtime.rebuilding() is None)
        with pytest.raises(NoPreviousGeneration, match="built by other projections"):
            await runtime.rebuild_back()
