"""What nobody waits for is handled, and projected, a moment later and together; what somebody waits for, at once."""

from functools import partial

import pytest
from twofold import Receipt, Runtime
from twofold.actors import command_handler, projector
from twofold.actors.kernel.following import Gathering
from twofold.actors.submission import Stage
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import OpenAccount, accounts_app
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
        await submit_three(running, "handled")
        assert plan.calls["apply"] == 1
        await running.submit(OpenAccount("4", "Ada"), wait="projected")
        assert running.readiness().projected == 4


async def test_events_gather_until_a_query_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "Gathering", HOURS)
    async with runtime(Plan()) as running:
        receipt = await submit_three(running, "handled")
        answer = await running.query("accounts", min_position=receipt.position)
        assert answer.position == 3


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
