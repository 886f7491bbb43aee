"""A connection that answers commands itself keeps their order and its bounds, whatever becomes of either side."""

import asyncio
from typing import Any, cast

import anyio
import httpx
import pytest
from twofold import Runtime
from twofold.actors.submission import Receipt, Submission
from twofold.runtime.http import commands, server
from twofold.runtime.http.application import Application
from twofold.runtime.http.direct import DirectConnection
from twofold.runtime.http.room import Room, Share
from twofold.runtime.submitting import Posted
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import accounts_app
from tests.doubles.listening import listening
from tests.doubles.much import app_with_much_to_tell
from tests.doubles.opening import ADA, MEASURED, opening
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import connected, request
from tests.doubles.served import problem, served
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


def full_connections(monkeypatch: pytest.MonkeyPatch) -> list[DirectConnection]:
    """Return a list of the connections whose clients take no more for now, as they come to that."""
    full, pause = list[DirectConnection](), DirectConnection.pause_writing

    def noted(self: DirectConnection) -> None:
        pause(self)
        full.append(self)

    monkeypatch.setattr(DirectConnection, "pause_writing", noted)
    return full


async def test_commands_in_a_row_are_answered_in_their_order_however_long_the_first_one_takes() -> None:
    plan = Plan()
    append = plan.hold("append")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _), connected(client) as raw:
        await raw.send(opening(MEASURED, "Idempotency-Key: 1", body=ADA))
        await append.reached.wait()
        for number in (2, 3):
            await raw.send(opening(MEASURED, f"Idempotency-Key: {number}", body=ADA) + request("GET /outcomes/none"))
        append.open()
        found = [await raw.answer() for _ in range(5)]
        assert [answer.json().get("command_id") for answer in found] == ["1", "2", None, "3", None]


@pytest.mark.parametrize(
    ("line", "headers", "stays"),
    [
        ("HTTP/1.1", [], True),
        ("HTTP/1.1", ["Connection: close"], False),
        ("HTTP/1.0", ["Connection: keep-alive"], False),
    ],
    ids=str,
)
async def test_a_connection_lasts_as_long_as_the_client_asks(line: str, headers: list[str], stays: bool) -> None:
    async with served() as (client, _), connected(client) as raw:
        await raw.send(opening(MEASURED, *headers, body=ADA).replace(b"HTTP/1.1", line.encode()))
        answer = await raw.answer()
        assert (answer.status_code, answer.headers.get("connection")) == (202, None if stays else "close")
        if stays:
            await raw.send(request("GET /healthz"))
            assert (await raw.answer()).status_code == 200
        else:
            assert await raw.rest() == b""


async def test_nothing_is_taken_behind_a_refusal_that_ends_the_connection() -> None:
    refused = opening(MEASURED, "Connection: keep-alive", "Origin: http://evil.example", body=ADA)
    taken = opening(MEASURED, "Connection: keep-alive", body=ADA)
    async with served() as (client, runtime), connected(client) as raw:
        await raw.send((refused + taken).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await raw.answer()).status_code == 403
        assert await raw.rest() == b""
        assert (await client.post("/commands/account.open", json={"account": "2", "owner": "Bo"})).status_code == 202
        assert runtime.readiness().log_end == 1


async def test_the_body_of_a_command_that_was_refused_is_not_kept_with_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, complete = list[bytes](), DirectConnection.on_response_complete

    def noted(self: DirectConnection) -> None:
        cycle: Any = self.cycle
        kept.append(bytes(cycle.body))
        complete(self)

    monkeypatch.setattr(DirectConnection, "on_response_complete", noted)
    async with served() as (client, _), connected(client) as raw:
        for field in ("Origin: http://evil.example", "Idempotency-Key: \xe9"):
            await raw.send(opening(MEASURED, field, body=ADA))
            assert (await raw.answer()).is_client_error
    assert kept == [b"", b""]


async def test_a_command_whose_sender_is_gone_goes_on_and_nothing_is_written_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[object] = []
    rooms: list[Room] = []

    def share(room: Room) -> Share:
        rooms.append(room)
        return Share(room)

    monkeypatch.setattr(commands, "Share", share)
    monkeypatch.setattr(DirectConnection, "write", lambda *answer, **_: written.append(answer))
    plan = Plan()
    append = plan.hold("append")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        async with connected(client) as raw:
            await raw.send(opening(MEASURED, body=ADA))
            await append.reached.wait()
            assert rooms[0].taken == len(ADA)
        append.open()
        await until(lambda: runtime.readiness().handled == 1)
        assert (await client.get("/healthz")).status_code == 200
        assert rooms[0].taken == 0
    assert written == []


async def test_no_more_commands_are_read_from_who_takes_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    full = full_connections(monkeypatch)
    async with served(app_with_much_to_tell()) as (client, runtime), connected(client) as raw:
        healthy = (await client.get("/healthz")).content
        await raw.send(request("GET /queries/much"))
        await until(lambda: full)
        await raw.send(opening(MEASURED, body=ADA))
        await until(lambda: runtime.readiness().handled == 1)
        cycle: Any = full[0].cycle
        assert cycle.body == b"", "it takes no memory while its answer waits"
        await raw.send(opening(MEASURED, body=ADA) * 2)
        for _ in range(10):
            await turns()
        assert runtime.readiness().log_end == 1
        assert [(await raw.answer()).status_code for _ in range(4)] == [200, 202, 202, 202]
        assert runtime.readiness().log_end == 3
        full.clear()
        await raw.send(request("GET /queries/much"))
        await until(lambda: full)
        await raw.send(request("GET /healthz"))
        _, told = await raw.answer(), await raw.answer()
        assert told.content == healthy, "and no answer comes twice"


@pytest.mark.parametrize(
    ("line", "field"), [("HTTP/1.1", "Connection: close"), ("HTTP/1.0", "Connection: keep-alive")], ids=str
)
async def test_an_answer_that_ends_the_connection_may_have_to_wait_for_a_slow_reader(
    monkeypatch: pytest.MonkeyPatch, line: str, field: str
) -> None:
    full, troubles = full_connections(monkeypatch), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, trouble: troubles.append(trouble))
    async with served(app_with_much_to_tell()) as (client, runtime), connected(client) as raw:
        await raw.send(request("GET /queries/much"))
        await until(lambda: full)
        await raw.send(opening(MEASURED, field, body=ADA).replace(b"HTTP/1.1", line.encode()))
        await until(lambda: runtime.readiness().handled == 1)
        assert [(await raw.answer()).status_code for _ in range(2)] == [200, 202]
        assert await raw.rest() == b""
        await turns()
    assert troubles == []


async def test_a_body_does_not_count_as_a_part_of_a_head_that_came_slowly() -> None:
    body = ADA + b" " * (20 << 10)
    async with served() as (client, _), connected(client) as raw:
        head = opening(f"Content-Length: {len(body)}", "X: " + "x" * (60 << 10))
        for part in (head[:10], head[10:-10], head[-10:] + body):
            await raw.send(part)
            await turns()
        assert (await raw.answer()).status_code == 202


async def test_a_server_that_stops_answers_a_command_and_closes_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told_to_stop, shutdown = anyio.Event(), DirectConnection.shutdown

    def noted(self: DirectConnection) -> None:
        shutdown(self)
        told_to_stop.set()

    monkeypatch.setattr(DirectConnection, "shutdown", noted)
    plan = Plan()
    append = plan.hold("append")
    runtime = Runtime(accounts_app(), open_stores=planned(plan, MemoryFolder().open))
    async with listening(runtime) as (raw, stop), runtime:
        await raw.send(opening(MEASURED, body=ADA))
        await append.reached.wait()
        stop()
        await told_to_stop.wait()
        append.open()
        answer = await raw.answer()
        assert (answer.status_code, answer.headers["connection"]) == (202, "close")
        assert await raw.rest() == b""


async def test_a_server_that_has_waited_long_enough_cuts_a_command_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONGEST_STOP", 0.1)
    async with listening(Endless()) as (raw, stop):
        await raw.send(opening(MEASURED, body=ADA))
        await turns()
        stop()
        assert await raw.rest() == b""


class Endless:
    """A service that never answers."""

    def begin(self, command: object, **_options: object) -> Posted:
        """Return what is answered by nobody."""
        return Posted(Submission(command))


class Broken:
    """A service with a bug."""

    def begin(self, _command: object, **_options: object) -> Posted:
        """Raise what nobody foresaw."""
        raise RuntimeError("a bug")


class Babbling:
    """A service whose answers nobody can tell."""

    def begin(self, command: object, **_options: object) -> Posted:
        """Answer with an id that no JSON can hold."""
        submission, no_text = Submission(command), cast("str", 1j)
        submission.give(Receipt(no_text, 1, "accepted"))
        return Posted(submission)


@pytest.mark.parametrize(("service", "bug"), [(Broken(), "a bug"), (Babbling(), "complex")])
async def test_a_bug_behind_a_command_is_told_as_one_and_logged(
    service: object, bug: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(service) as (raw, _):
        for _ in range(2):
            await raw.send(opening(MEASURED, body=ADA))
            assert problem(await raw.answer()) == (500, "internal")
    logged = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert len(logged) == 2
    assert all(bug in told for told in logged)


async def test_a_bug_behind_a_command_is_raised_to_another_server() -> None:
    broken: Any = Broken()
    transport = httpx.ASGITransport(Application(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with pytest.raises(RuntimeError, match="a bug"):
            await client.post("/commands/account.open", json={})
