"""Who is slow to send a request or to take an answer is waited for as long as is set, and then cut off."""

import anyio
import httpx
import pytest
from twofold import JsonCommand, ReadDb
from twofold.runtime.config import HttpSettings
from twofold.runtime.http import server
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import accounts_app
from tests.doubles.much import MUCH, app_with_much_to_tell
from tests.doubles.opening import ADA, MEASURED, opening
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import chunk, connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

IMPATIENT = HttpSettings(port=0, request_timeout=0.2)

BO = b'{"account":"2","owner":"Bo"}'
EARLY = request("POST /commands/account.open", "Content-Type: text/plain", "Content-Length: 9")
"""The head of a request that is answered before its body has come."""

SLOW: dict[str, tuple[bytes, bytes, int]] = {
    "nothing": (b"", b"", 408),
    "line breaks": (b"", b"\r\n", 408),
    "a head": (b"GET /healthz HTTP/1.1\r\n", b"X: x\r\n", 408),
    "a body": (opening("Content-Length: 1000000"), b" ", 408),
    "a body in chunks": (opening("Transfer-Encoding: chunked"), chunk(b" "), 408),
}


@pytest.mark.parametrize(("first", "drop", "status"), SLOW.values(), ids=SLOW.keys())
async def test_who_drips_a_request_is_not_waited_for(first: bytes, drop: bytes, status: int) -> None:
    async with served(settings=IMPATIENT) as (client, _), connected(client) as raw:
        answer: list[httpx.Response] = []

        async def drip() -> None:
            await raw.send(first)
            while not answer:
                await raw.send(drop)
                await turns()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drip)
            answer.append(await raw.answer())
        assert problem(answer[0]) == (status, "request-timeout")


async def test_who_drips_on_after_the_answer_is_cut_off() -> None:
    async with served(settings=IMPATIENT) as (client, _), connected(client) as raw:
        await raw.send(request("POST /commands/account.open", "Content-Type: text/plain", "Content-Length: 1000000"))
        assert problem(await raw.answer()) == (415, "unsupported-media-type")
        await raw.send_until_it_is_cut_off(b"x")


async def test_who_drips_line_breaks_between_two_requests_is_cut_off() -> None:
    async with served(settings=IMPATIENT) as (client, _), connected(client) as raw:
        await raw.send(request("GET /healthz"))
        assert (await raw.answer()).status_code == 200
        await raw.send_until_it_is_cut_off(b"\r\n")


async def test_who_was_answered_before_the_body_had_come_can_go_on() -> None:
    async with served() as (client, runtime), connected(client) as raw:
        await raw.send(request("POST /commands/account.open", "Content-Type: text/plain", "Content-Length: 200000"))
        assert problem(await raw.answer()) == (415, "unsupported-media-type")
        await raw.send(b"x" * 200_000 + opening(MEASURED, body=ADA))
        assert (await raw.answer()).status_code == 202
        assert runtime.readiness().log_end == 1


async def test_who_was_answered_before_the_body_had_come_is_not_waited_for_without_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.2)
    async with served() as (client, _), connected(client) as raw:
        await raw.send(request("POST /commands/account.open", "Content-Type: text/plain", "Content-Length: 9"))
        assert problem(await raw.answer()) == (415, "unsupported-media-type")
        await raw.send(b"x" * 9)
        assert await raw.rest() == b""


async def test_a_wait_may_be_longer_than_a_request_may_take_to_come() -> None:
    plan = Plan()
    commit = plan.hold("commit")
    async with served(settings=IMPATIENT, open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        async with connected(client) as raw:
            await raw.send(opening(MEASURED, body=ADA, query="?wait=handled&timeout=0.8"))
            await raw.send(b"\r\n")  # as some clients do after a body
            assert problem(await raw.answer()) == (504, "timed-out")
        commit.open()


async def test_a_connection_without_a_request_may_stay_open_longer_than_a_request_may_take() -> None:
    async with served(settings=IMPATIENT) as (client, _), connected(client) as raw:
        for _ in range(2):
            await raw.send(request("GET /healthz"))
            assert (await raw.answer()).status_code == 200
            async with connected(client) as other:  # who says nothing, and is cut off after the same time
                assert problem(await other.answer()) == (408, "request-timeout")


BEFORE: dict[str, tuple[list[bytes], int]] = {
    "a command in parts": ([opening(MEASURED), ADA], 202),
    "a body that came after its answer": ([EARLY, b"x" * 9], 415),
}


@pytest.mark.parametrize(("parts", "status"), BEFORE.values(), ids=BEFORE)
async def test_nor_does_it_matter_how_the_request_before_has_come(parts: list[bytes], status: int) -> None:
    async with served(settings=IMPATIENT) as (client, _), connected(client) as raw:
        for part in parts:
            await raw.send(part)
            await turns()
        assert (await raw.answer()).status_code == status
        async with connected(client) as other:
            assert problem(await other.answer()) == (408, "request-timeout")
        await raw.send(request("GET /healthz"))
        assert (await raw.answer()).status_code == 200


async def test_half_a_request_in_one_block_with_the_body_before_it_is_not_waited_for() -> None:
    async with served(settings=IMPATIENT) as (client, _), connected(client) as raw:
        await raw.send(EARLY)
        assert problem(await raw.answer()) == (415, "unsupported-media-type")
        await raw.send(b"x" * 9 + b"GET /healthz HTTP/1.1\r\n")
        assert problem(await raw.answer()) == (408, "request-timeout")


@pytest.mark.parametrize("asked", [opening(MEASURED, body=ADA, query="?wait=handled"), request("GET /queries/slow")])
async def test_an_answer_may_take_longer_than_a_connection_lasts_without_a_request(
    monkeypatch: pytest.MonkeyPatch, asked: bytes
) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.1)
    plan = Plan()
    commit = plan.hold("commit")
    app = accounts_app()

    @app.query("slow")
    async def slow(db: ReadDb) -> int:
        return 1

    async with served(app, open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        await runtime.submit(JsonCommand("account.open", BO))
        position = b"?min_position=1" if b"slow" in asked else b""
        async with connected(client) as raw, connected(client) as other:
            await raw.send(EARLY)
            assert problem(await raw.answer()) == (415, "unsupported-media-type")
            await raw.send(b"x" * 9 + asked.replace(b"slow", b"slow" + position))
            await commit.reached.wait()
            await other.send(request("GET /healthz"))
            assert (await other.answer()).status_code == 200
            assert await other.rest() == b"", "the time without a request is over"
            commit.open()
            assert (await raw.answer()).status_code == 200


async def test_who_begins_a_request_before_the_answer_to_another_one_is_not_waited_for() -> None:
    plan = Plan()
    append = plan.hold("append")
    stores = planned(plan, MemoryFolder().open)
    async with served(settings=IMPATIENT, open_stores=stores) as (client, _), connected(client) as raw:
        await raw.send(opening(MEASURED, body=ADA))
        await append.reached.wait()
        await raw.send(b"GET /healthz HTTP/1.1\r\n")
        await turns()
        append.open()
        assert (await raw.answer()).status_code == 202
        assert problem(await raw.answer()) == (408, "request-timeout")


async def test_who_takes_no_answer_is_cut_off() -> None:
    async with served(app_with_much_to_tell(), settings=IMPATIENT) as (client, _), connected(client) as raw:
        await raw.send(request("GET /queries/much"))
        await raw.send_until_it_is_cut_off(b"\r\n")


async def test_who_takes_a_large_answer_gets_it_whole() -> None:
    async with served(app_with_much_to_tell()) as (client, _), connected(client) as raw:
        await raw.send(request("GET /queries/much"))
        assert len((await raw.answer()).json()["value"]) == MUCH
