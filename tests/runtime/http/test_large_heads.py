"""The head of a request has a most, and so have the fields behind its body: what is more is not read."""

from contextlib import suppress

import anyio
import httpx
import pytest
from twofold.runtime.http.connection import LARGEST_HEAD
from twofold.runtime.testing import MemoryFolder

from tests.doubles.opening import ADA, MEASURED, opening
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import chunk, connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.mark.parametrize("where", ["one header", "many headers", "the address"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_head_has_a_most(where: str, at_once: bool) -> None:
    bomb = {
        "one header": request("GET /healthz", "X: " + "x" * 1_000_000),
        "many headers": request("GET /healthz", *(f"X{n}: x" for n in range(100_000))),
        "the address": request("GET /healthz?" + "x" * 1_000_000),
    }[where]
    answers: list[httpx.Response] = []
    async with served() as (client, _), connected(client) as raw:

        async def send() -> None:
            bomb_left, size = bomb, len(bomb) if at_once else 1000
            with suppress(anyio.BrokenResourceError):
                while not answers:
                    sent, bomb_left = bomb_left[:size], bomb_left[size:]
                    await raw.send(sent)
                    await turns()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            answers.append(await raw.answer())
        assert problem(answers[0]) == (431, "head-too-large")
        assert (await client.get("/healthz")).status_code == 200


async def test_a_head_that_comes_whole_has_a_most_as_well() -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(request("GET /healthz", "X: " + "x" * LARGEST_HEAD))
        assert problem(await raw.answer()) == (431, "head-too-large")


async def test_a_head_behind_another_request_has_a_most_as_well() -> None:
    plan = Plan()
    append = plan.hold("append")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _), connected(client) as raw:
        await raw.send(opening(MEASURED, body=ADA))
        await append.reached.wait()
        await raw.send(b"GET /healthz HTTP/1.1\r\nX: ")
        await raw.send_until_it_is_cut_off(b"x" * 1000)
        append.open()


@pytest.mark.parametrize("block", [b"X-1: y\r\n" * 1_000, b"x" * 8_000])
async def test_fields_behind_a_body_have_a_most(block: bytes) -> None:
    async with served() as (client, runtime), connected(client) as raw:
        await raw.send(opening("Transfer-Encoding: chunked", body=chunk(ADA) + b"0\r\n"))
        await raw.send_until_it_is_cut_off(block)
        assert runtime.readiness().log_end == 0


async def test_fields_behind_a_body_that_are_too_many_are_told() -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(opening("Transfer-Encoding: chunked", body=chunk(ADA) + b"0\r\n"))
        await turns()
        for _ in range(9):
            await raw.send(b"X-1: y\r\n" * 1_000)
            await turns()
        assert problem(await raw.answer()) == (431, "head-too-large")


async def test_fields_behind_a_body_are_none_of_the_head() -> None:
    fields = b"Content-Type: application/json\r\nIdempotency-Key: behind\r\n"
    chunked = "Transfer-Encoding: chunked"
    async with served() as (client, _), connected(client) as raw:
        await raw.send(request("POST /commands/account.open", chunked, body=chunk(ADA) + b"0\r\n" + fields + b"\r\n"))
        assert problem(await raw.answer()) == (415, "unsupported-media-type")
        await raw.send(opening(chunked, body=chunk(ADA) + b"0\r\n" + fields + b"\r\n"))
        told = (await raw.answer()).json()
    assert (told["status"], told["command_id"] != "behind") == (202, True)


async def test_a_head_may_have_all_that_it_may() -> None:
    async with served() as (client, _), connected(client) as raw:
        head = request("GET /healthz", "X: " + "x" * (LARGEST_HEAD - 500))
        for start in range(0, len(head), 10_000):
            await raw.send(head[start : start + 10_000])
            await turns()
        assert (await raw.answer()).status_code == 200
