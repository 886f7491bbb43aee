"""The handler's cache of states: as large as the settings say, and the stream that changed last goes last."""

import pytest
from twofold import Config, Runtime
from twofold.runtime.config import HandlerSettings
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_the_streams_that_changed_longest_ago_are_read_anew() -> None:
    plan = Plan()
    config = Config(handler=HandlerSettings(cached_states=2))
    async with Runtime(accounts_app(), config, open_stores=planned(plan, MemoryFolder().open)) as runtime:

        async def reads(*accounts: str) -> bool:
            before = plan.calls["states"]
            await runtime.submit_many([OpenAccount(account, "Ada") for account in accounts], wait="handled")
            return plan.calls["states"] > before

        await reads("1", "2", "3", "4")
        assert not await reads("4")
        assert not await reads("3")
        assert await reads("2")
        assert await reads("1")
