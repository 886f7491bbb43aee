"""Problems of a server in which something broke."""

from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from twofold import App, Config, EventMeta, Statement
from twofold.actors.kernel.supervisor import cause_of
from twofold.runtime.config import SupervisionSettings
from twofold.runtime.testing import MemoryFolder
from twofold.stores.errors import DiskFull, StorageFailed

from tests.doubles.accounts import (
    Account,
    AccountEvent,
    Deposited,
    accounts,
    accounts_decider,
    accounts_projection,
    decide,
    evolve,
    project_account,
)
from tests.doubles.faulty_accounts import ADA, deposit
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.refusing import Calls
from tests.doubles.served import served
from tests.runtime.http.causes import Causes, registered_in

BROKEN: Causes = {}
apart = registered_in(BROKEN)


@apart("a consumer that failed for good", 409, "consumer-halted")
async def halted_consumer(_folder: Path) -> httpx.Response:
    folder, once = MemoryFolder(), SupervisionSettings(backoff_first=0.001, backoff_longest=0.001, restarts=1)

    async def never(*_: object, **__: object) -> None:
        raise RuntimeError("the ledger is gone")

    async with served(Calls().app, Config(supervision=once), open_stores=folder.open) as (client, runtime):
        folder.effects.record = never  # type: ignore[method-assign]
        await client.post("/commands/account.open?wait=projected", json=ADA)
        await runtime.settled()
        return await client.post("/consumers/calls/resume", json={})


@apart("an event that does not fold", 500, "unreadable-stream")
async def unreadable(_folder: Path) -> httpx.Response:
    folder = MemoryFolder()
    async with served(open_stores=folder.open) as (client, _):
        for command, data in (("account.open", ADA), ("account.deposit", deposit())):
            await client.post(f"/commands/{command}?wait=handled", json=data)
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)

    @decider.evolve
    def evolve_with_a_bug(state: Account, event: AccountEvent) -> Account:
        if isinstance(event, Deposited):
            raise KeyError("account")
        return evolve(state, event)

    accounts_projection(app).on(project_account)
    async with served(app, open_stores=folder.open) as (client, _):
        return await client.get("/streams/account-1?version=2")


@apart("a failed sync of the log", 503, "outcome-unknown")
async def failed_log(_folder: Path) -> httpx.Response:
    plan = Plan()
    append = plan.hold("append")
    url: httpx.URL
    answers: list[httpx.Response] = []

    async def send() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as other:
            answers.append(await other.post("/commands/account.open", json=ADA))

    async def serve_until_the_log_fails() -> None:
        nonlocal url
        async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
            url = client.base_url
            senders.start_soon(send)
            await append.reached.wait()
            append.open(StorageFailed("log", "fdatasync", "made to fail"))
            await anyio.sleep_forever()

    async with anyio.create_task_group() as senders:
        with pytest.raises(ExceptionGroup) as failed:
            await serve_until_the_log_fails()
        assert isinstance(cause_of(failed.value), StorageFailed)
        by_now = list(answers)  # for the process ends here
    return by_now[0]


@apart("a read database that fails", 503, "storage")
async def failed_read(_folder: Path) -> httpx.Response:
    plan = Plan()
    plan.fail("query", StorageFailed("read.db", "read", "made to fail"))
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        return await client.get("/queries/accounts")


def app_with_a_projection(project: Callable[[], None]) -> App:
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)
    decider.evolve(evolve)

    @accounts_projection(app).on
    def project_and_perhaps_raise(event: AccountEvent, meta: EventMeta) -> Iterator[Statement]:
        project()
        return project_account(event, meta)

    app.query("accounts")(accounts)
    return app


def with_a_bug() -> None:
    raise KeyError("https://user:secret@example.com")


@apart("a projection that raises", 503, "projector-halted")
async def halted(_folder: Path) -> httpx.Response:
    async with served(app_with_a_projection(with_a_bug)) as (client, _):
        answer = await client.post("/commands/account.open?wait=projected", json=ADA)
        assert (answer.status_code, answer.json()["stage"]) == (200, "handled")
        assert "KeyError" in answer.json()["projector_halted"]
        ready, query = await client.get("/readyz"), await client.get("/queries/accounts")
        assert (ready.status_code, "KeyError" in query.json()["projector_halted"]) == (503, True)
        later = await client.get("/queries/accounts?min_position=1")
        assert not any("secret" in each.text for each in (answer, ready, query, later))
        return later


@apart("a projection that raises in a rebuild", 500, "projection-failed")
async def failed_rebuild(_folder: Path) -> httpx.Response:
    projects: list[Callable[[], None]] = [lambda: None, with_a_bug]

    def project() -> None:
        projects.pop(0)()

    async with served(app_with_a_projection(project)) as (client, _):
        await client.post("/commands/account.open?wait=projected", json=ADA)
        return await client.post("/rebuild", json={})


@apart("a full device", 507, "no-space")
async def full_device(_folder: Path) -> httpx.Response:
    plan = Plan()
    plan.fail_always("append", lambda: DiskFull("log"))
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        answer = await client.post("/commands/account.open", json=ADA)
        assert (await client.get("/queries/accounts")).json()["value"] == []
        plan.relent("append")
        assert (await client.post("/commands/account.open", json=ADA)).status_code == 202
        return answer
