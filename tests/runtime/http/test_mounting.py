"""A runtime in another application, two in one process, and what is logged of a bug."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from twofold import App, ReadDb, Runtime
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import accounts_app
from tests.doubles.served import problem, served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ADA = {"account": "a b", "owner": "Ada"}
LINE = b'{"type":"account.open","data":{"account":"1","owner":"Ada"}}'
LINES = {"Content-Type": "application/x-ndjson"}


async def test_a_mounted_runtime_answers_below_its_prefix_while_it_is_at_work_and_503_before_and_after() -> None:
    runtime = Runtime(accounts_app(), open_stores=MemoryFolder().open)

    @asynccontextmanager
    async def at_work(_: Starlette) -> AsyncIterator[None]:
        async with runtime:
            yield

    site = Starlette(lifespan=at_work, routes=[Mount("/shop", runtime.asgi())])
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        await is_not_at_work(client)
        async with site.router.lifespan_context(site):
            await client.post("/shop/commands/account.open", json=ADA)
            deposit = {"account": "a b", "amount": "1"}
            for _ in range(2):
                handled = await client.post("/shop/commands/account.deposit?wait=handled", json=deposit)
            assert handled.status_code == 200
            sent = await client.post("/shop/commands?wait=projected", content=LINE, headers=LINES)
            assert (sent.status_code, sent.json()["position"]) == (200, 4)
            page = (await client.get("/shop/streams/account-a%20b?limit=2")).json()
            assert page["next"] == "/shop/streams/account-a%20b?limit=2&after=2"
            rest = (await client.get(page["next"])).json()
            assert ([event["version"] for event in rest["events"]], rest["next"]) == ([3], None)
            assert problem(await client.get("/shop/nothing")) == (404, "not-found")
            nowhere = await client.get("/shop/nothing", headers={"Host": "["})
            assert problem(nowhere) == (404, "not-found")
        await is_not_at_work(client)


async def is_not_at_work(client: httpx.AsyncClient) -> None:
    answers = [
        await client.post("/shop/commands/account.open", json=ADA),
        await client.post("/shop/commands", content=LINE, headers=LINES),
        await client.get("/shop/queries/accounts"),
        await client.get("/shop/streams/account-1"),
        await client.get("/shop/outcomes/1"),
    ]
    assert {problem(answer) for answer in answers} == {(503, "stopping")}
    assert (await client.get("/shop/readyz")).status_code == 503
    assert (await client.get("/shop/healthz")).status_code == 200


async def test_two_runtimes_in_one_process_do_not_disturb_each_other() -> None:
    async with served() as (client, runtime):
        async with served() as (other_client, other):
            for each in (client, other_client):
                told = await each.post(
                    "/commands/account.open?wait=projected", json=ADA, headers={"Idempotency-Key": "one"}
                )
                assert (told.json()["offset"], told.json().get("repeated")) == (1, None)
            await other_client.post("/commands/account.open?wait=projected", json=ADA | {"account": "2"})
            assert (other.readiness().projected, runtime.readiness().projected) == (2, 1)
            assert len((await other_client.get("/queries/accounts")).json()["value"]) == 2
        assert (await client.get("/queries/accounts")).json()["value"] == ["a b"]
        assert (await client.post("/commands/account.open?wait=projected", json=ADA | {"account": "3"})).is_success


def app_with_a_bug() -> App:
    app = accounts_app()

    @app.query("unforeseen")
    async def unforeseen(db: ReadDb) -> object:
        return object()  # which no JSON can hold

    return app


async def test_what_nobody_foresaw_is_answered_as_a_problem_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with served(app_with_a_bug()) as (client, _):
        with caplog.at_level(logging.WARNING):
            assert problem(await client.get("/queries/unforeseen")) == (500, "internal")
        assert (await client.get("/healthz")).status_code == 200
    (logged,) = caplog.records
    assert logged.exc_info is not None
    assert isinstance(logged.exc_info[1], TypeError)
