"""Ten times the load: what is too much is refused with a time to come back, and the rest goes on as before."""

import resource

import anyio
import httpx
import pytest
from twofold import Config
from twofold.runtime.config import HandlerSettings, ValidatorSettings
from twofold.runtime.testing import MemoryFolder

from tests.doubles.planned_stores import Plan, planned
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

MAILBOX, UNHANDLED = 20, 50
CLIENTS, EACH = 100, 10


class SlowDisk(Plan):
    """Each sync and each commit takes a while."""

    async def before(self, operation: str) -> None:
        if operation in ("append", "commit"):
            await turns()


async def test_what_is_too_much_is_refused_and_what_is_accepted_is_handled_and_then_all_is_as_before() -> None:
    config = Config(
        validator=ValidatorSettings(mailbox=MAILBOX, batch=10, max_unhandled=UNHANDLED),
        handler=HandlerSettings(batch=10),
    )
    async with served(config=config, open_stores=planned(SlowDisk(), MemoryFolder().open)) as (client, runtime):
        pipeline = runtime._pipeline
        answers: list[httpx.Response] = []
        most_unhandled = 0

        async def send(sender: int) -> None:
            nonlocal most_unhandled
            for number in range(EACH):
                data = {"account": f"{sender}-{number}", "owner": "x" * 10_000}
                answers.append(await client.post("/commands/account.open", json=data))
                most_unhandled = max(most_unhandled, pipeline.in_flight.logged)
                assert len(pipeline.validator.actor.mailbox) <= MAILBOX

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with anyio.create_task_group() as tasks:
            for sender in range(CLIENTS):
                tasks.start_soon(send, sender)
        accepted = [answer for answer in answers if answer.status_code == 202]
        refused = [answer for answer in answers if answer.status_code != 202]
        assert len(accepted) + len(refused) == CLIENTS * EACH
        assert accepted
        assert refused
        assert {problem(answer) for answer in refused} == {(503, "overloaded")}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert most_unhandled <= UNHANDLED
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10, "KiB"

        await runtime.settled()
        assert runtime.readiness().log_end == runtime.readiness().projected == len(accepted)
        assert pipeline.in_flight.logged == 0
        assert (await client.get("/readyz")).json()["ready"] is True
        after = await client.post("/commands/account.open?wait=projected", json={"account": "after", "owner": "Ada"})
        assert after.json()["position"] == len(accepted) + 1
