"""A command is answered by its connection where it comes whole, in the same words as by way of ASGI."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from twofold import Runtime
from twofold.runtime.http.application import Application
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import accounts_app
from tests.doubles.listening import listening
from tests.doubles.opening import ADA, MEASURED, opening
from tests.doubles.raw_http import RawClient, chunk, connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

JSON, KEY = "Content-Type: application/json", "Idempotency-Key: mine"
EVIL = "http://evil.example"
BO = ADA.replace(b"Ada", b"Bo")

ASKED: list[tuple[str, list[str], bytes, int]] = [
    ("account.open?wait=projected", [JSON, KEY], ADA, 200),
    ("account.open?wait=handled", [JSON, KEY], ADA, 200),
    ("account.open", ["content-type: Application/JSON; charset=utf-8", 'idempotency-key: "mine"'], ADA, 202),
    ("account.open", [JSON, KEY], BO, 409),
    ("account.open?wait=handled", [JSON, "Idempotency-Key: another"], ADA, 409),
    ("account.open?wait=handled&expected_version=7", [JSON, "Idempotency-Key: late"], BO, 409),
    ("account.open", [JSON, "Idempotency-Key: without"], b"{}", 422),
    ("account.open", [JSON, "Idempotency-Key: broken"], b"{", 400),
    ("account.open", [JSON, "Idempotency-Key: nothing"], b"", 400),
    ("account.open", [KEY], ADA, 415),
    ("account.open", [JSON, "Idempotency-Key: a", "Idempotency-Key: b"], ADA, 400),
    ("account.open?wait=never", [JSON, KEY], ADA, 400),
    ("account.open?wait=handled&wait=handled", [JSON, KEY], ADA, 400),
    ("account.open", [JSON, KEY, f"Origin: {EVIL}"], ADA, 403),
    ("nothing", [JSON, KEY], ADA, 404),
]
"""What is asked for, with which header fields and body, and the status that it is answered with."""

Answers = list[tuple[int, dict[str, str], bytes]]


def message(call: str, fields: list[str], body: bytes) -> tuple[bytes, bytes]:
    """Return head and body of a request."""
    return request(f"POST /commands/{call}", *fields, f"Content-Length: {len(body)}"), body


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, answer.content


async def whole(raw: RawClient, head: bytes, body: bytes) -> None:
    await raw.send(head + body)


async def in_parts(raw: RawClient, head: bytes, body: bytes) -> None:
    """Send the first byte of the body once the server has read the head, and then the rest."""
    for part in (head, body[:1], body[1:]):
        await raw.send(part)
        await turns()


async def begun(raw: RawClient, head: bytes, body: bytes) -> None:
    """Send the first byte of the body together with the head, and then the rest."""
    for part in (head + body[:1], body[1:]):
        await raw.send(part)
        await turns()


async def answers(send: Callable[[RawClient, bytes, bytes], Awaitable[None]]) -> Answers:
    """Return what a new runtime answers when each request is sent by `send`."""
    found = []
    async with served() as (client, _), connected(client) as raw:
        for call, fields, body, _ in ASKED:
            await send(raw, *message(call, fields, body))
            answer = await raw.answer()
            assert "date" in answer.headers
            found.append(told(answer))
    return found


async def test_a_command_is_answered_the_same_whether_it_comes_whole_or_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen(monkeypatch)
    found = await answers(whole)
    assert [status for status, _, _ in found] == [status for *_, status in ASKED]
    assert seen.paths == []
    for send, least in ((in_parts, 1), (begun, 2)):
        seen.paths.clear()
        assert found == await answers(send)
        assert seen.paths == [
            f"/commands/{call.partition('?')[0]}"
            for call, fields, body, _ in ASKED
            if len(body) >= least and f"Origin: {EVIL}" not in fields
        ], "which is how those in parts went"


async def test_a_command_is_answered_the_same_by_another_server() -> None:
    found = []
    runtime = Runtime(accounts_app(), open_stores=MemoryFolder().open)
    application = Starlette(routes=[Mount("/shop", runtime.asgi())])
    transport = httpx.ASGITransport(application)
    async with runtime, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for call, fields, body, _ in ASKED:
            given = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
            answer = await client.post(f"/shop/commands/{call}", headers=given, content=body)
            found.append(told(answer))
    expected = await answers(whole)
    for (call, fields, _, _), seen, direct in zip(ASKED, found, expected, strict=True):
        if f"Origin: {EVIL}" not in fields:  # which is the other server's affair
            assert seen == direct, call


class Seen:
    """Notes what goes to the application by way of ASGI."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        answer = Application.__call__

        async def noting(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
            self.paths.append(scope["path"])
            await answer(application, scope, receive, send)

        monkeypatch.setattr(Application, "__call__", noting)


DIRECT = {
    "one with a length": (opening(MEASURED, body=ADA), 202),
    "one in chunks": (opening("Transfer-Encoding: chunked", body=chunk(ADA) + chunk(b"")), 202),
    "one behind a line break": (b"\r\n" + opening(MEASURED, body=ADA), 202),
    "one with options": (opening(MEASURED, KEY, body=ADA, query="?wait=handled&timeout=5"), 200),
    "one without a body": (opening(), 400),
    "one for another host": (opening(MEASURED, body=ADA).replace(b"127.0.0.1", b"evil.example"), 421),
    "one for two hosts": (opening(MEASURED, "Host: 127.0.0.1", body=ADA), 400),
}
BY_WAY_OF_ASGI = {
    "another method": (request("GET /commands/account.open"), 405),
    "another address": (request("GET /healthz"), 200),
    "no type": (request("POST /commands/"), 404),
    "a type below a type": (request("POST /commands/account.open/more", MEASURED, body=ADA), 404),
    "a type in escapes": (request("POST /commands/account%2Eopen", JSON, MEASURED, body=ADA), 202),
    "a whole URL": (request("POST http://127.0.0.1/commands/account.open", JSON, MEASURED, body=ADA), 202),
    "a row of commands": (request("POST /commands", JSON, MEASURED, body=ADA), 415),
    "one who asks whether to go on": (opening(MEASURED, "Expect: 100-continue", body=ADA), 202),
    "one who wants another protocol": (opening("Upgrade: h2c", "Connection: Upgrade"), 400),
}


@pytest.mark.parametrize(("asked", "status"), DIRECT.values(), ids=DIRECT)
async def test_a_command_that_comes_whole_does_not_go_by_way_of_asgi(
    monkeypatch: pytest.MonkeyPatch, asked: bytes, status: int
) -> None:
    seen = Seen(monkeypatch)
    async with served() as (client, _), connected(client) as raw:
        for _ in range(2):
            await raw.send(asked)
            assert (await raw.answer()).status_code == status
    assert seen.paths == []


@pytest.mark.parametrize(("asked", "status"), BY_WAY_OF_ASGI.values(), ids=BY_WAY_OF_ASGI)
async def test_all_else_goes_by_way_of_asgi(monkeypatch: pytest.MonkeyPatch, asked: bytes, status: int) -> None:
    seen = Seen(monkeypatch)
    async with served() as (client, _), connected(client) as raw:
        await raw.send(asked)
        assert (await raw.answer()).status_code == status
    assert len(seen.paths) == 1


async def test_a_connection_takes_either_way_for_each_request_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    health, command = request("GET /healthz"), opening(MEASURED, body=ADA)
    async with served() as (client, _), connected(client) as raw:
        for sent, statuses, by_way_of_asgi in (
            (command + health, [202, 200], ["/healthz"]),
            (command, [202], []),
            (health + command, [200, 202], ["/healthz", "/commands/account.open"]),
            (command, [202], []),
        ):
            seen.paths.clear()
            await raw.send(sent)
            assert [(await raw.answer()).status_code for _ in statuses] == statuses
            assert seen.paths == by_way_of_asgi


async def test_an_application_of_somebody_elses_is_served_by_way_of_asgi() -> None:
    paths = []

    async def other(scope: Scope, _receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with listening(other) as (raw, _):
        await raw.send(opening(MEASURED, body=ADA))
        assert (await raw.answer()).status_code == 204
    assert paths == ["/commands/account.open"]


async def test_what_turns_into_garbage_does_not_get_as_far_as_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    async with served() as (client, _), connected(client) as raw:
        await raw.send(opening("Transfer-Encoding: chunked", body=b"garbage"))
        assert problem(await raw.answer()) == (400, "malformed")
    assert seen.paths == []
