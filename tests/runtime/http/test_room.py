"""However many connections bring bodies, those share one room: one command is turned away, a row of them waits."""

import json
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx
import pytest
from twofold.runtime.http.requests import Readings
from twofold.runtime.http.room import Room, Share
from twofold.runtime.testing import MemoryFolder

from tests.doubles.opening import ADA
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import RawClient, chunk, connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

SIZE = 2 << 20
BLOCK = 320 << 10
"""What is read of one connection at once, at the most."""
CHUNKED = "Transfer-Encoding: chunked"


def opening(body: bytes, length: int) -> bytes:
    head = "Content-Type: application/json", f"Content-Length: {length}"
    return request("POST /commands/account.open", *head, body=body)


def row(body: bytes) -> bytes:
    return request("POST /commands", "Content-Type: application/x-ndjson", CHUNKED) + chunk(body)


def line(number: int, size: int = 0) -> bytes:
    data = {"account": str(number), "owner": "x".ljust(size, "x")}
    return json.dumps({"type": "account.open", "data": data}).encode() + b"\n"


async def test_many_bodies_of_which_half_has_come_hold_no_more_than_there_is_room_and_the_others_are_told() -> None:
    room, half, connections = Room(SIZE), 200_000, 24
    answers: list[httpx.Response] = []

    async def note(raw: RawClient) -> None:
        answers.append(await raw.answer())

    async with served(readings=Readings(room=room)) as (client, runtime):
        async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
            for _ in range(connections):
                raw = await stack.enter_async_context(connected(client))
                await raw.send(opening(b" " * half, 2 * half))
                tasks.start_soon(note, raw)
            await until(lambda: len(answers) + room.taken / half == connections)
            assert SIZE - BLOCK < room.taken < SIZE + BLOCK
            assert {problem(answer) for answer in answers} == {(503, "overloaded")}
            assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
            tasks.cancel_scope.cancel()
        await until(lambda: room.taken == 0)
        answer = await client.post("/commands/account.open", json={"account": "1", "owner": "x" * 500_000})
        assert answer.status_code == 202
        assert (room.taken, runtime.readiness().log_end) == (0, 1)


async def test_commands_that_wait_for_their_answers_count_until_they_have_them() -> None:
    room, plan, statuses = Room(1_000_000), Plan(), list[int]()
    append = plan.hold("append")

    async def send(client: httpx.AsyncClient, number: int) -> None:
        answer = await client.post("/commands/account.open", json={"account": str(number), "owner": "x" * 600_000})
        statuses.append(answer.status_code)

    async with served(readings=Readings(room=room), open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, client, 1)
            await append.reached.wait()
            assert room.taken > 600_000
            tasks.start_soon(send, client, 2)
            await until(lambda: room.taken >= 1_000_000)
            tasks.start_soon(send, client, 3)
            try:
                await until(lambda: statuses == [503])
            finally:
                append.open()
        assert sorted(statuses) == [202, 202, 503]
        assert room.taken == 0


async def test_so_does_a_small_command_that_comes_whole() -> None:
    room, plan = Room(SIZE), Plan()
    append = plan.hold("append")
    whole, stores = opening(ADA, len(ADA)), planned(plan, MemoryFolder().open)
    async with (
        served(readings=Readings(room=room), open_stores=stores) as (client, _),
        connected(client) as one,
        connected(client) as another,
    ):
        with Share(room) as others:
            others.hold(SIZE)
            await one.send(whole)
            assert problem(await one.answer()) == (503, "overloaded")
        await one.send(whole)
        await append.reached.wait()
        assert room.taken == len(ADA)
        await another.send(whole)
        await until(lambda: room.taken == 2 * len(ADA))
        append.open()
        assert [(await raw.answer()).status_code for raw in (one, another)] == [202, 202]
        assert room.taken == 0


async def test_a_row_of_commands_is_read_no_further_until_there_is_room_and_then_goes_on() -> None:
    room, lines, answers = Room(SIZE), 40, list[Any]()

    async def send(raw: RawClient) -> None:
        await raw.send(row(b"".join(line(number, 100_000) for number in range(lines))) + chunk(b""))

    async with served(readings=Readings(room=room)) as (client, runtime), connected(client) as raw:
        async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
            for _ in range(3):
                other = await stack.enter_async_context(connected(client))
                await other.send(row(line(0, 600_000)[:500_000]))
            await until(lambda: room.taken > SIZE // 2)
            tasks.start_soon(send, raw)
            await until(lambda: runtime.readiness().log_end)
            for _ in range(100):
                await turns()
            assert runtime.readiness().log_end < 10, "what had come by then"
            one = await client.post("/commands/account.open", json={"account": "one", "owner": "Ada"})
            assert one.status_code == 202, "the other half of the room is for those who cannot wait"
            await stack.aclose()
            answers += [each async for each in raw.lines()]
        assert [(each["line"], each["status"]) for each in answers] == [(n, 202) for n in range(1, lines + 1)]
        assert room.taken == 0


async def test_a_row_that_finds_no_room_for_long_ends_with_a_problem() -> None:
    room = Room(SIZE)
    async with served(readings=Readings(0.1, room)) as (client, _), connected(client) as raw:
        with Share(room) as others:
            others.hold(SIZE)
            await raw.send(row(line(1) + line(2)[:10]))
            first, last = [each async for each in raw.lines()]
        assert (first["line"], first["status"]) == (1, 202)
        assert (last["line"], last["status"], last["type"]) == (2, 503, "urn:twofold:problem:overloaded")
        await until(lambda: room.taken == 0)


async def test_all_of_it_is_given_back_however_a_request_ends() -> None:
    room = Room()  # half of it takes more than the longest line, for whose end a row would wait in vain otherwise
    json_, ndjson = ({"Content-Type": f"application/{kind}"} for kind in ("json", "x-ndjson"))
    async with served(readings=Readings(room=room)) as (client, _):
        for content in (b"{}", b"no JSON", b" " * (2 << 20), b'{"account":"1","owner":"Ada"}'):
            await client.post("/commands/account.open", content=content, headers=json_)
            await client.post("/commands", content=content, headers=ndjson)
            await client.post("/effects/retry", content=content, headers=json_)
            assert room.taken == 0
        for half in (opening(b" " * 1000, 2000), row(b" " * 1000)):
            async with connected(client) as raw:
                await raw.send(half)
                await until(lambda: room.taken == 1000)
            await until(lambda: room.taken == 0)
