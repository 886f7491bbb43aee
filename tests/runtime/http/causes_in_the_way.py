"""Problems of a server that has too much to do, has not done it yet, has done it already, or stops."""

from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import msgspec
from twofold import App, Config, Runtime
from twofold.runtime.config import DataSettings, HttpSettings, ValidatorSettings
from twofold.runtime.stores import open_folder
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import (
    OpenAccount,
    accounts,
    accounts_app,
    accounts_decider,
    accounts_projection,
    decide,
    evolve,
    project_account,
)
from tests.doubles.faulty_accounts import ADA, SMALL, deposit, faulty_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import connected, request
from tests.doubles.refusing import Calls
from tests.doubles.served import served
from tests.doubles.waiting import until
from tests.runtime.http.causes import Ask_, Causes, get, post, registered_in

IN_THE_WAY: Causes = {}
apart = registered_in(IN_THE_WAY)


@apart("a line behind one that was turned away", 503, "out-of-turn")
async def out_of_turn(_folder: Path) -> httpx.Response:
    notes = "a validator waits", ""
    lines = [msgspec.json.encode({"type": "account.deposit", "data": deposit(note)}) for note in notes]
    async with served(faulty_app(), SMALL) as (client, _):
        body, headers = b"\n".join(lines), {"Content-Type": "application/x-ndjson"}
        answer = await client.post("/commands", content=body, headers=headers)
    told = answer.text.splitlines()[1]
    return httpx.Response(503, text=told, headers={"Content-Type": "application/problem+json", "Retry-After": "1"})


@apart("a body that does not come", 408, "request-timeout")
async def no_body(_folder: Path) -> httpx.Response:
    async with served(settings=HttpSettings(port=0, request_timeout=0.1)) as (client, _), connected(client) as raw:
        await raw.send(request("POST /commands/account.open", "Content-Type: application/json", "Content-Length: 9"))
        return await raw.answer()


@apart("a head that does not come", 408, "request-timeout")
async def no_head(_folder: Path) -> httpx.Response:
    async with served(settings=HttpSettings(port=0, request_timeout=0.1)) as (client, _), connected(client) as raw:
        await raw.send(b"GET /healthz HTT")
        return await raw.answer()


@apart("one connection too many", 503, "too-many-connections")
async def too_many(_folder: Path) -> httpx.Response:
    async with served(settings=HttpSettings(port=0, connections=1)) as (client, _), connected(client) as raw:
        await raw.send(request("GET /healthz"))
        assert (await raw.answer()).status_code == 200
        return await client.get("/healthz")


@apart("an effect that is done", 409, "wrong-effect-state")
async def done_effect(_folder: Path) -> httpx.Response:
    calls, folder = Calls(), MemoryFolder()
    calls.healed = True
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await client.post("/commands/account.open?wait=projected", json=ADA)
        await runtime.settled()
        return await client.post("/effects/retry", json={"effect_ids": calls.delivered})


@apart("a mailbox that is full", 503, "overloaded")
async def full_mailbox(_folder: Path) -> httpx.Response:
    plan, config = Plan(), Config(validator=ValidatorSettings(mailbox=1, batch=1))
    append = plan.hold("append")
    async with served(config=config, open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        return await overloaded(client, runtime, append.open)


@apart("too many commands that are not handled", 503, "overloaded")
async def unhandled(_folder: Path) -> httpx.Response:
    plan, config = Plan(), Config(validator=ValidatorSettings(max_unhandled=2))
    commit = plan.hold("commit")
    async with served(config=config, open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        return await overloaded(client, runtime, commit.open)


async def overloaded(client: httpx.AsyncClient, runtime: Runtime, go_on: Callable[[], None]) -> httpx.Response:
    """Send commands until one is answered 503, and see that the others are not lost for that."""
    answers: list[httpx.Response] = []

    async def send(number: int) -> None:
        answers.append(await client.post("/commands/account.open?wait=handled", json=ADA | {"account": str(number)}))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(send, number)
        await until(lambda: answers)
        go_on()
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(await runtime.history("account-0")) == 1
    assert runtime.readiness().log_end == 20 - len(refused)
    return refused[-1]


@apart("a command while it stops", 503, "stopping")
async def while_it_stops(_folder: Path) -> httpx.Response:
    plan = Plan()
    commit = plan.hold("commit")
    runtime = Runtime(accounts_app(), open_stores=planned(plan, MemoryFolder().open))
    answers: list[httpx.Response] = []

    async def send_late() -> None:
        await until(lambda: runtime._pipeline.validator.state != "running")
        answers.append(await client.post("/commands/account.open", json=ADA))
        commit.open()

    mounted = httpx.ASGITransport(runtime.asgi())  # a server that does not stop with the runtime
    async with (
        httpx.AsyncClient(transport=mounted, base_url="http://any") as client,
        anyio.create_task_group() as tasks,
        runtime,
    ):
        await client.post("/commands/account.open", json=ADA)
        await commit.reached.wait()
        tasks.start_soon(send_late)
    return answers[0]


@apart("a read database that is filled anew", 503, "rebuilding")
async def filled_anew(tmp_path: Path) -> httpx.Response:
    return await while_it_is_filled_anew(tmp_path, get("/queries/accounts"))


@apart("a second rebuild", 409, "rebuild-under-way")
async def second_rebuild(tmp_path: Path) -> httpx.Response:
    return await while_it_is_filled_anew(tmp_path, post("/rebuild", json={}))


async def while_it_is_filled_anew(tmp_path: Path, ask: Ask_) -> httpx.Response:
    config, plan = Config(data=DataSettings(dir=tmp_path / "data")), Plan()
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)
    decider.evolve(evolve)
    accounts_projection(app, version=2).on(project_account)
    app.query("accounts")(accounts)
    apply = plan.hold("apply")
    async with served(app, config, open_stores=planned(plan, open_folder)) as (client, _):
        await apply.reached.wait()
        answer = await ask(client)
        assert (await client.get("/readyz")).status_code == 503
        apply.open()
        return answer


@apart("a handler that is slow", 504, "timed-out")
async def slow_handler(_folder: Path) -> httpx.Response:
    plan = Plan()
    commit = plan.hold("commit")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        answer = await client.post("/commands/account.open?wait=handled&timeout=0.2", json=ADA)
        told = answer.json()
        assert (told["offset"], told["stage"]) == (1, "accepted")
        commit.open()
        again = await client.post(
            "/commands/account.open?wait=handled", json=ADA, headers={"Idempotency-Key": told["command_id"]}
        )
        assert (again.status_code, again.json()["offset"], again.json()["repeated"]) == (200, 1, True)
        return answer
