"""What nobody waits for is handled, and projected, a moment later and together; what somebody waits for, at once."""

from functools import partial
from typing import get_args

import anyio
import pytest
from anyio.lowlevel import checkpoint
from twofold import Config, EventMeta, NotProjected, Purge, Receipt, Runtime
from twofold.actors import command_handler, projector
from twofold.actors.kernel.following import Gathering
from twofold.actors.submission import Stage
from twofold.runtime.config import ValidatorSettings
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import AccountOpened, OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

HOURS = partial(Gathering, seconds=36_000.0)


def runtime(plan: Plan) -> Runtime:
    """Return a runtime in memory whose calls of the stores `plan` counts."""
    return Runtime(accounts_app(), open_stores=planned(plan, MemoryFolder().open))


async def submit_three(running: Runtime, wait: Stage = "accepted") -> Receipt:
    """Submit commands one by one, with time between them for all that is not held up, and return the last answer."""
    for account in ("1", "2", "3"):
        receipt = await running.submit(OpenAccount(account, "Ada"), wait=wait)
        await turns()
    return receipt


async def test_commands_that_come_close_behind_each_other_are_appended_together() -> None:
    plan = Plan()
    async with runtime(plan) as running, anyio.create_task_group() as tasks:
        for account in ("1", "2", "3"):
            tasks.start_soon(running.submit, OpenAccount(account, "Ada"))
            await checkpoint()
    assert plan.calls["append"] == 1


async def test_commands_gather_until_a_sender_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handler, "Gathering", HOURS)
    plan = Plan()
    async with runtime(plan) as running:
        await submit_three(running)
        assert plan.calls["commit"] == 1
        await running.submit(OpenAccount("4", "Ada"), wait="handled")
        assert running.readiness().handled == 4


async def test_events_gather_until_a_sender_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "Gathering", HOURS)
    plan = Plan()
    async with runtime(plan) as running:
        await running.submit(OpenAccount("0", "Ada"), wait="projected")
        await submit_three(running, "handled")
        assert plan.calls["apply"] == 1
        await running.submit(OpenAccount("4", "Ada"), wait="projected")
        assert running.readiness().projected == 5


async def test_events_gather_also_where_purges_wait_for_the_read_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "Gathering", HOURS)
    plan, app = Plan(), accounts_app()

    @app.purge("pages")
    def pages(event: AccountOpened, meta: EventMeta) -> Purge:
        return Purge(tags=(f"account-{meta.key}",))

    async with Runtime(app, open_stores=planned(plan, MemoryFolder().open)) as running:
        await running.submit(OpenAccount("0", "Ada"), wait="projected")
        await submit_three(running, "handled")
        assert plan.calls["apply"] == 1


async def test_events_gather_until_a_query_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "Gathering", HOURS)
    async with runtime(Plan()) as running:
        receipt = await submit_three(running, "handled")
        answer = await running.query("accounts", min_position=receipt.position)
        assert answer.position == 3


async def test_they_gather_again_once_nobody_waits_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handler, "Gathering", HOURS)
    plan = Plan()
    async with runtime(plan) as running:
        for number, wait in enumerate(get_args(Stage)):
            receipt = await running.submit(OpenAccount(f"a{number}", "Ada"), wait=wait)
        await running.query("accounts", min_position=receipt.position)
        with pytest.raises(NotProjected):
            await running.query("accounts", min_position=receipt.position + 1, timeout=0)
        held = plan.hold("commit")
        with anyio.move_on_after(0.01):
            await running.submit(OpenAccount("left", "Ada"), wait="handled")
        held.open()
        await running.settled()
        before = plan.calls["commit"]
        await submit_three(running)
        assert plan.calls["commit"] <= before + 1


async def test_they_gather_no_longer_where_others_would_be_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handler, "Gathering", HOURS)
    config = Config(validator=ValidatorSettings(max_unhandled=4))
    async with Runtime(accounts_app(), config, open_stores=MemoryFolder().open) as running:
        for number in range(20):
            await running.submit(OpenAccount(str(number), "Ada"))
            await turns()


async def test_who_waits_until_all_is_settled_waits_for_no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handler, "Gathering", HOURS)
    monkeypatch.setattr(projector, "Gathering", HOURS)
    async with runtime(Plan()) as running:
        await submit_three(running)
        await running.settled()
        assert running.readiness().projected == 3


async def test_a_process_that_stops_waits_for_no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handler, "Gathering", HOURS)
    folder = MemoryFolder()
    async with Runtime(accounts_app(), open_stores=folder.open) as running:
        await submit_three(running)
    async with Runtime(accounts_app(), open_stores=folder.open) as running:
        assert running.readiness().handled == 3
