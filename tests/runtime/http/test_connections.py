"""What a hostile or a broken client does to its connection harms nobody else, and no answer is taken for another's."""

from contextlib import suppress

import anyio
import pytest
from twofold.runtime.config import HttpSettings
from twofold.runtime.http.connection import Connection
from twofold.runtime.testing import MemoryFolder

from tests.doubles.opening import ADA, MEASURED, opening
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import chunk, connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

BO = b'{"account":"2","owner":"Bo"}'

GARBAGE: dict[str, bytes] = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(200),
    "bytes": bytes(range(1, 256)) * 4,
    "HTTP of another version": b"GET /healthz HTTP/3.0\r\nHost: 127.0.0.1\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "no method": b" /healthz HTTP/1.1\r\n\r\n",
    "a method that is none": b"FETCH /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a bare NUL in the address": b"GET /health\0z HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "letters outside of ASCII in the address": b"GET /h\xe4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "no address": b"GET  HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a star for an address": b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "a NUL in a header": request("GET /healthz", "X: a\0b"),
    "a header without a colon": request("GET /healthz", "X"),
    "a header folded": request("GET /healthz", "X: a\r\n b"),
    "a space before the colon": request("GET /healthz", "X : a"),
    "a length below zero": opening("Content-Length: -1", body=ADA),
    "a length that is no number": opening("Content-Length: ten", body=ADA),
    "a length past 64 bits": opening("Content-Length: 99999999999999999999", body=ADA),
    "a length of 5,000 digits": opening("Content-Length: " + "9" * 5_000, body=ADA),
    "two lengths": opening(MEASURED, "Content-Length: 5", body=ADA),
    "a length and chunks": opening(MEASURED, "Transfer-Encoding: chunked", body=chunk(ADA) + chunk(b"")),
    "chunks and a length": opening("Transfer-Encoding: chunked", MEASURED, body=chunk(ADA) + chunk(b"")),
    "chunks twice": opening("Transfer-Encoding: chunked, chunked", MEASURED, body=chunk(ADA) + chunk(b"")),
    "chunks in disguise": opening("Transfer-Encoding: xchunked", MEASURED, body=chunk(ADA) + chunk(b"")),
    "a chunk that says no length": opening("Transfer-Encoding: chunked", body=b"x\r\n" + ADA),
    "a chunk that is too long": opening("Transfer-Encoding: chunked", body=b"1\r\n" + ADA),
    "a chunk below zero": opening("Transfer-Encoding: chunked", body=b"-1\r\n" + ADA),
}


async def test_what_is_no_http_is_answered_as_that_and_nothing_of_it_is_taken() -> None:
    async with served() as (client, runtime):
        found = {}
        for name, garbage in GARBAGE.items():
            async with connected(client) as raw:
                await raw.send(garbage)
                answer = await raw.answer()
                found[name] = problem(answer)
                assert answer.headers.get("connection") != "close" or await raw.rest() == b""
        others = {name: told for name, told in found.items() if told != (400, "malformed")}
        assert others == {"no version": (421, "misdirected"), "a star for an address": (404, "not-found")}
        assert (await client.get("/healthz")).status_code == 200
        assert runtime.readiness().log_end == 0


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_client_of_an_older_http_is_answered_and_its_connection_closed(version: str) -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(f"GET /healthz HTTP/{version}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert (await raw.answer()).status_code == 200
        assert await raw.rest() == b""


async def test_only_the_head_of_an_answer_can_be_asked_for() -> None:
    async with served() as (client, _):
        for address in ("/healthz", "/readyz", "/queries/accounts"):
            answer = await client.head(address)
            assert (answer.status_code, answer.content) == (200, b"")
        assert (await client.head("/commands")).status_code == 405


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
async def test_one_who_wants_another_protocol_gets_this_one_and_no_body_is_taken_for_a_request(protocol: str) -> None:
    wish = "Connection: Upgrade", f"Upgrade: {protocol}"
    async with served() as (client, runtime), connected(client) as raw:
        await raw.send(request("GET /healthz", *wish))
        assert (await raw.answer()).status_code == 200
        hidden = opening(MEASURED, body=ADA)
        await raw.send(opening(f"Content-Length: {len(hidden)}", *wish))
        await turns()
        with suppress(anyio.BrokenResourceError):
            await raw.send(hidden)
        assert problem(await raw.answer()) == (400, "malformed")
        assert b"HTTP" not in await raw.rest()
        assert runtime.readiness().log_end == 0


async def test_requests_in_a_row_are_answered_in_their_order() -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(opening(MEASURED, body=ADA, query="?wait=projected") + request("GET /queries/accounts") * 2)
        assert (await raw.answer()).json()["stage"] == "projected"
        for _ in range(2):
            assert (await raw.answer()).json()["value"] == ["1"]


async def test_a_long_row_of_requests_is_answered_and_no_more_of_it_is_read_than_there_is_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    longest, begin = 0, Connection.on_headers_complete

    def noted(self: Connection) -> None:
        nonlocal longest
        begin(self)
        longest = max(longest, len(self.pipeline))

    monkeypatch.setattr(Connection, "on_headers_complete", noted)
    asked = opening(MEASURED, "X: " + "x" * 1000, body=ADA)
    async with served() as (client, _), connected(client) as raw, anyio.create_task_group() as tasks:
        tasks.start_soon(raw.send, asked * 1000)
        for _ in range(1000):
            assert (await raw.answer()).status_code == 202
    assert 64 << 10 < longest * len(asked) <= 300 << 10, "what the event loop reads at once"


async def test_garbage_is_not_taken_for_the_answer_to_the_request_before_it() -> None:
    plan = Plan()
    append = plan.hold("append")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        async with connected(client) as raw:
            await raw.send(opening(MEASURED, body=ADA))
            await append.reached.wait()
            await raw.send(b"garbage\r\n\r\n")
            assert b"HTTP" not in await raw.rest()
        append.open()
        await until(lambda: runtime.readiness().handled == 1)


async def test_garbage_behind_a_row_of_commands_that_has_begun_is_no_answer_to_it() -> None:
    async with served() as (client, _), connected(client) as raw:
        line = b'{"type":"account.open","data":' + ADA + b"}\n"
        await raw.send(request("POST /commands", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"))
        await raw.send(chunk(line))
        assert (await anext(raw.lines()))["status"] == 202
        await raw.send(b"garbage\r\n")
        assert b"HTTP" not in await raw.rest()


@pytest.mark.parametrize("what", [b"", b"GET", request("GET /healthz")[:-2], opening("Content-Length: 50", body=ADA)])
async def test_half_a_request_is_no_request(what: bytes) -> None:
    async with served() as (client, runtime):
        for _ in range(20):
            async with connected(client) as raw:
                await raw.send(what)
        assert (
            await client.post(
                "/commands/account.open?wait=handled", content=BO, headers={"Content-Type": "application/json"}
            )
        ).status_code == 200
        assert runtime.readiness().log_end == 1


async def test_one_connection_too_many_is_told_so_and_there_is_room_once_another_ends() -> None:
    async with served(settings=HttpSettings(port=0, connections=2)) as (client, _):
        async with connected(client) as first, connected(client) as second:
            for raw in (first, second):
                await raw.send(request("GET /healthz"))
                assert (await raw.answer()).status_code == 200
            for _ in range(5):
                async with connected(client) as third:
                    assert problem(await third.answer()) == (503, "too-many-connections")
                    assert await third.rest() == b""
        with anyio.fail_after(10):
            while (await client.get("/healthz")).status_code != 200:
                await turns()
