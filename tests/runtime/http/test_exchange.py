"""A row of commands: each line gets its answer, in order, while more come in, however the row is cut and ends."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import TaskStatus
from twofold import Config, Runtime
from twofold.runtime.config import HttpSettings, ValidatorSettings
from twofold.runtime.http.requests import Readings
from twofold.runtime.testing import MemoryFolder

from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import RawClient, chunk, connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

LINES = {"Content-Type": "application/x-ndjson"}


def opening(account: object, **more: Any) -> bytes:
    command = {"type": "account.open", "data": {"account": str(account), "owner": "Ada"}} | more
    return json.dumps(command).encode() + b"\n"


def head(wait: str = "accepted", *headers: str) -> bytes:
    return request(f"POST /commands?wait={wait}", "Content-Type: application/x-ndjson", *headers)


CHUNKED = "Transfer-Encoding: chunked"


def told(answer: httpx.Response) -> list[Any]:
    """Return the lines of the answer to a row."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_line_is_answered_in_order_and_a_bad_one_leaves_its_neighbours_alone() -> None:
    body = b"".join(
        (
            opening(1, id="one"),
            b"\n",
            b"no command\n",
            opening(2).replace(b"\n", b"\r\n"),
            b"  \r\n",
            opening(1),
            opening(3, type="account.opn"),
            opening(4, data={"account": 4}),
            opening(5, data={"account": "5", "owner": "x" * (1 << 20)}),
            opening(6, data={"account": "6", "owner": "x" * (3 << 20)}),
            opening(1, id="one"),
            opening(2, id="one"),
            opening(7).rstrip(),
        )
    )
    async with served() as (client, runtime):
        answers = told(await client.post("/commands?wait=handled", content=body, headers=LINES))
        alone = await client.post("/commands/account.open?wait=handled", json={"account": "1", "owner": "Ada"})
        assert runtime.readiness().handled == 5
    assert [(each["line"], each["status"], each.get("type", "").rpartition(":")[2]) for each in answers] == [
        (1, 200, ""),
        (3, 400, "malformed"),
        (4, 200, ""),
        (6, 409, "rejected"),
        (7, 404, "unknown-command"),
        (8, 422, "refused"),
        (9, 413, "too-large"),
        (10, 413, "too-large"),
        (11, 200, ""),
        (12, 409, "command-id-reused"),
        (13, 200, ""),
    ]
    assert answers[8] == answers[0] | {"line": 11, "repeated": True}
    ours = {"line": 6, "offset": 3, "command_id": answers[3]["command_id"]}
    assert answers[3] == alone.json() | ours, "what one command alone is answered"


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_lines_may_be_cut_anywhere_on_their_way(size: int) -> None:
    body = b"".join(opening(number, data={"account": str(number), "owner": "Åse\U0001f600"}) for number in range(5))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async with served() as (client, _):
        answers = told(await client.post("/commands?wait=projected", content=pieces(), headers=LINES))
        assert (await client.get("/queries/accounts")).json()["value"] == list("01234")
    assert [(each["line"], each["position"]) for each in answers] == [(n, n) for n in range(1, 6)]


@pytest.mark.parametrize("body", [b"", b"\n\r\n  \n"])
async def test_a_row_without_a_command_has_no_answers(body: bytes) -> None:
    async with served() as (client, _):
        assert told(await client.post("/commands", content=body, headers=LINES)) == []


async def test_more_lines_than_may_be_under_way_are_all_answered_once_and_in_order() -> None:
    config = Config(validator=ValidatorSettings(mailbox=8, batch=4))
    body = b"".join(opening(number) for number in range(5_000))
    async with served(config=config) as (client, runtime):
        answers = told(await client.post("/commands", content=body, headers=LINES))
        await runtime.settled()
    assert [(each["line"], each["offset"]) for each in answers] == [(n, n) for n in range(1, 5_001)]


async def test_a_client_may_wait_for_each_answer_before_it_sends_the_next() -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(head("projected", CHUNKED))
        answers = raw.lines()
        for number in range(1, 20):
            line = opening(number)
            await raw.send(chunk(line[:9]))
            await raw.send(chunk(line[9:]))
            assert (await anext(answers))["line"] == number
        await raw.send(chunk(b""))
        assert [each async for each in answers] == []
        await raw.send(request("GET /healthz"))
        assert (await raw.answer()).status_code == 200, "the connection can be used on"


async def test_a_client_that_asks_whether_to_go_on_is_told_so() -> None:
    async with served() as (client, _), connected(client) as raw:
        line = opening(1)
        await raw.send(head("accepted", f"Content-Length: {len(line)}", "Expect: 100-continue"))
        assert await raw.informed() == 100
        await raw.send(line)
        assert [each["status"] async for each in raw.lines()] == [202]


async def test_a_client_that_asks_whether_to_go_on_is_told_what_is_wrong_instead() -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(request("POST /commands", "Content-Length: 9999999", "Expect: 100-continue"))
        assert problem(await raw.answer()) == (415, "unsupported-media-type")


async def test_what_a_client_had_accepted_before_it_went_away_is_handled() -> None:
    async with served() as (client, runtime):
        async with connected(client) as raw:
            await raw.send(head("accepted", CHUNKED) + b"".join(chunk(opening(n)) for n in range(10)))
            answers = raw.lines()
            for _ in range(10):
                assert (await anext(answers))["status"] == 202
            await raw.send(chunk(opening(10))[:20])
        await runtime.settled()
        assert (await client.get("/queries/accounts")).json()["value"] == [str(n) for n in range(10)]


async def test_commands_go_on_whose_sender_went_away_before_they_were_answered() -> None:
    plan = Plan()
    append = plan.hold("append")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        async with connected(client) as raw:
            await raw.send(head("projected", CHUNKED) + chunk(opening(1)))
            await append.reached.wait()
        append.open()
        await until(lambda: runtime.readiness().projected == 1)


async def test_a_row_that_falls_silent_ends_with_a_line_that_says_so() -> None:
    async with served(settings=HttpSettings(port=0, request_timeout=0.2)) as (client, _), connected(client) as raw:
        await raw.send(head("accepted", CHUNKED) + chunk(opening(1) + opening(2)[:10]))
        first, last = [each async for each in raw.lines()]
        assert (first["line"], first["status"]) == (1, 202)
        assert (last["line"], last["status"], last["type"]) == (2, 408, "urn:twofold:problem:request-timeout")
        assert await raw.rest() == b"", "for what comes after it cannot be told from the rest of the row"


async def test_a_row_that_says_nothing_at_all_is_one_request_that_did_not_come() -> None:
    async with served(settings=HttpSettings(port=0, request_timeout=0.1)) as (client, _), connected(client) as raw:
        await raw.send(head("accepted", CHUNKED))
        assert problem(await raw.answer()) == (408, "request-timeout")


async def test_a_row_without_an_end_ends_with_a_line_when_the_server_stops() -> None:
    answers: list[Any] = []
    folder = MemoryFolder()

    async def send_for_ever(raw: RawClient) -> None:
        await raw.send(head("projected", CHUNKED))
        for number in range(1_000_000):
            try:
                await raw.send(chunk(opening(number, id=f"id-{number}")))
            except anyio.BrokenResourceError:
                return

    async def read(raw: RawClient, enough: anyio.Event) -> None:
        async for each in raw.lines():
            answers.append(each)
            if len(answers) > 100:
                enough.set()

    async with anyio.create_task_group() as tasks:
        async with served(open_stores=folder.open) as (client, _):
            raw = await tasks.start(connection, client)
            enough = anyio.Event()
            tasks.start_soon(send_for_ever, raw)
            tasks.start_soon(read, raw, enough)
            await enough.wait()
        await until(lambda: answers[-1]["status"] == 503)
        tasks.cancel_scope.cancel()
    *taken, last = answers
    assert (last["line"], last["type"]) == (len(taken) + 1, "urn:twofold:problem:stopping")
    assert [each["line"] for each in taken] == list(range(1, last["line"]))
    async with served(open_stores=folder.open) as (client, runtime):
        for each in (taken[0], taken[-1]):
            assert each["status"] == 200
            outcome = (await client.get(f"/outcomes/{each['command_id']}")).json()
            assert (outcome["offset"], outcome["position"]) == (each["offset"], each["position"])
        assert runtime.readiness().log_end == len(taken), "what was told to have no answer was not taken"


async def test_a_row_that_stops_while_all_that_may_wait_does_answers_each_command_that_was_taken() -> None:
    plan, folder, readings = Plan(), MemoryFolder(), Readings()
    append = plan.hold("append")
    config = Config(validator=ValidatorSettings(mailbox=8192))
    async with (
        served(config=config, open_stores=planned(plan, folder.open), readings=readings) as (client, runtime),
        connected(client) as raw,
    ):
        await raw.send(head("accepted", CHUNKED) + chunk(b"".join(opening(n) for n in range(3_000))))
        await append.reached.wait()
        for _ in range(100):
            await turns()
        readings.stop()
        await turns()
        append.open()
        *taken, last = [each async for each in raw.lines()]
        await runtime.settled()
        assert len(taken) >= 2_048
        assert (last["line"], last["type"]) == (len(taken) + 1, "urn:twofold:problem:stopping")
        assert {each["status"] for each in taken} == {202}
        assert runtime.readiness().log_end == len(taken)


async def connection(client: httpx.AsyncClient, *, task_status: TaskStatus[RawClient]) -> None:
    """Keep a connection that lasts longer than its server."""
    async with connected(client) as raw:
        task_status.started(raw)
        await anyio.sleep_forever()


async def test_a_client_that_takes_no_answers_is_read_no_further_and_cut_off_in_the_end() -> None:
    sent = 0
    async with served(settings=HttpSettings(port=0, request_timeout=1)) as (client, runtime):
        async with connected(client) as raw:
            await raw.send(head("accepted", CHUNKED))
            line = chunk(b"".join(opening(n, type="x" * 50_000) for n in range(10)))
            with suppress(anyio.BrokenResourceError):
                while True:
                    await raw.send(line)
                    sent += len(line)
        assert sent < 32 << 20, "what the kernel and the server hold for one connection"
        assert (await client.get("/readyz")).json()["ready"] is True
        assert runtime.readiness().log_end == 0


async def test_large_commands_of_one_row_wait_until_those_before_them_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, handed_over, post = Plan(), 0, Runtime.post

    async def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal handed_over
        handed_over += 1
        return await post(*arguments, **named)

    async def send(raw: RawClient) -> None:
        line = chunk(opening(0, data={"account": "1", "owner": "x" * 1_000_000}))
        await raw.send(head("accepted", CHUNKED) + line * 60 + chunk(b""))

    monkeypatch.setattr(Runtime, "post", counted)
    append = plan.hold("append")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, runtime), connected(client) as raw:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, raw)
            await until(lambda: handed_over >= 9)
            for _ in range(100):
                await turns()
            assert handed_over == 9, "megabytes"
            append.open()
            assert len([each async for each in raw.lines()]) == 60
        assert runtime.readiness().log_end == 60
