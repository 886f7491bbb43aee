"""Sending to a server: what has no answer goes again, under the same id, and each stream keeps its order."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx
import pytest
from twofold import Config
from twofold.actors.submission import Stage
from twofold.runtime.client.failures import NotTwofold, RequestRefused, ServerAway
from twofold.runtime.client.patience import Patience
from twofold.runtime.client.sending import PART_LINES, send
from twofold.runtime.client.server import Server
from twofold.runtime.config import ValidatorSettings
from twofold.runtime.http import exchange
from twofold.runtime.send_summary import Summary

from tests.doubles.scripted_server import chunk, scripted_server
from tests.doubles.served import served

pytestmark = pytest.mark.anyio

ADA = {"type": "account.open", "id": "ada", "data": {"account": "ada", "owner": "Ada"}}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def deposit(number: int, **more: Any) -> dict[str, Any]:
    data = {"account": "ada", "amount": "1", "note": str(number)}
    return {"type": "account.deposit", "id": f"deposit-{number}", "data": data} | more


class Sending:
    """What a client is given, and what it told a person."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.notices: list[str] = []
        self.interrupted = anyio.Event()

    async def __call__(
        self, url: object, lines: list[Any], *, wait: Stage = "handled", retry_for: float = 30.0, timeout: float = 30.0
    ) -> Summary:
        file = self._folder / "commands.ndjson"
        texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        file.write_bytes(b"".join(text + b"\n" for text in texts))
        with file.open("rb") as source:
            async with Server(str(url)) as server:
                return await send(
                    server,
                    source,
                    wait=wait,
                    timeout=timeout,
                    patience=Patience(retry_for, Random(1)),
                    progress=lambda _read: None,
                    notice=self.notices.append,
                    interrupted=self.interrupted,
                )


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    return Sending(tmp_path)


def told(line: int, **more: Any) -> bytes:
    facts = {"status": 202, "command_id": "x", "offset": line, "stage": "accepted", "line": line}
    return json.dumps(facts | more).encode() + b"\n"


def test_a_part_is_taken_whole_before_its_answers_are_read() -> None:
    assert PART_LINES < exchange.MOST_UNANSWERED


async def test_each_line_gets_its_answer_and_bad_ones_leave_their_neighbours_alone(sending: Sending) -> None:
    lines = [
        ADA,
        b"no JSON",
        deposit(1),
        b"",
        deposit(2, type="account.ride"),
        {**ADA, "id": "again"},
        {**deposit(1), "data": {"account": "ada", "amount": "7"}},
        deposit(3, data={"account": "ada", "amount": "1", "note": "x" * (1 << 20)}),
        deposit(4),
    ]
    async with served() as (client, runtime):
        summary = await sending(client.base_url, lines, wait="projected")
        again = await sending(client.base_url, lines, wait="projected")
        accounts = await runtime.query("deposits_of", account="ada")
    assert summary.complete
    assert (summary.lines, summary.accepted, summary.repeated) == (8, 4, 0)
    assert summary.outcomes == {"handled": 3, "rejected": 1}
    found = {refused.line: refused.faults[0].code for refused in summary.refused}
    assert found == {2: "line.malformed", 5: "command.unknown", 7: "id.reused", 8: "command.too_large"}
    assert [(rejected.line, rejected.faults[0].code) for rejected in summary.rejected] == [(6, "account.exists")]
    assert (again.accepted, again.repeated, again.outcomes) == (4, 4, summary.outcomes)
    assert accounts.value == 2
    assert sending.notices == []


async def test_lines_for_which_there_is_no_room_go_again_and_their_stream_keeps_its_order(sending: Sending) -> None:
    lines = [ADA, *(deposit(number) for number in range(300))]
    config = Config(validator=ValidatorSettings(batch=20, max_unhandled=50))
    async with served(config=config) as (client, runtime):
        summary = await sending(client.base_url, lines)
        ids = [event.command_id for event in await runtime.history("account-ada")]
    assert summary.complete
    assert summary.outcomes == {"handled": 301}
    assert ids == ["ada", *(f"deposit-{number}" for number in range(300))]


class CutOff:
    """Stands before a server, and lets only so many bytes of each answer through before it breaks off."""

    def __init__(self, base: httpx.URL, bytes_: list[int]) -> None:
        self._base, self._bytes = base, bytes_
        self.bodies: list[bytes] = []

    async def handle(self, head: bytes, body: bytes) -> tuple[bytes, bool]:
        self.bodies.append(body)
        target = head.split()[1].decode()
        async with httpx.AsyncClient(base_url=self._base, trust_env=False) as client:
            answer = await client.post(target, content=body, headers={"Content-Type": "application/x-ndjson"})
        if not self._bytes:
            return HEAD + chunk(answer.content) + chunk(b""), True
        return (HEAD + chunk(answer.content))[: len(HEAD) + self._bytes.pop(0)], False


@pytest.mark.parametrize("bytes_", [[0], [-20], [7], [100, 150, 700], [1000, 1, 1]])
async def test_answers_that_break_off_anywhere_are_asked_for_once_more(sending: Sending, bytes_: list[int]) -> None:
    count = 20
    lines = [ADA, *({"type": "account.deposit", "data": deposit(number)["data"]} for number in range(count))]
    async with served() as (client, runtime):
        before = CutOff(client.base_url, bytes_[:])
        async with scripted_server(before.handle) as url:
            summary = await sending(url, lines)
        events = await runtime.history("account-ada")
    assert len(before.bodies) == len(bytes_) + 1
    assert summary.complete
    assert (summary.accepted, summary.repeated) == (count + 1, 0), "what it had sent itself was not there before"
    assert len(events) == count + 1, "each line has one id, so it took effect once"
    ids = [json.loads(line)["id"] for line in before.bodies[0].splitlines()]
    assert [event.command_id for event in events] == ids
    for body in before.bodies:
        sent = [json.loads(line)["id"] for line in body.splitlines()]
        assert sent == ids[len(ids) - len(sent) :], "what goes again is the rest, in order"


async def test_a_server_that_closes_after_a_few_answers_gets_the_rest_in_order(sending: Sending) -> None:
    taken: list[str] = []

    def handle(_head: bytes, body: bytes) -> tuple[bytes, bool]:
        ids = [json.loads(line)["id"] for line in body.splitlines()]
        taken.extend(ids[:3])
        answers = b"".join(told(line) for line in range(1, min(len(ids), 3) + 1))
        stopping = told(4, status=503, type="urn:twofold:problem:stopping", detail="It stops.") if ids[3:] else b""
        return HEAD + chunk(answers + stopping) + chunk(b""), True

    async with scripted_server(handle) as url:
        summary = await sending(url, [deposit(number) for number in range(10)], wait="accepted")
    assert taken == [f"deposit-{number}" for number in range(10)]
    assert summary.accepted == 10


async def test_the_patience_ends_with_what_was_answered_and_why_the_rest_was_not(sending: Sending) -> None:
    def handle(_head: bytes, body: bytes) -> tuple[bytes, bool]:
        full = {"status": 507, "type": "urn:twofold:problem:no-space", "detail": "The device is full."}
        lines = range(2, len(body.splitlines()) + 1)
        first = b"" if b"deposit-0" not in body else told(1)
        rest = b"".join(told(line, **full) for line in (lines if first else range(1, len(lines) + 2)))
        return HEAD + chunk(first + rest) + chunk(b""), True

    async with scripted_server(handle) as url:
        summary = await sending(url, [deposit(0), deposit(1, id=None), deposit(2)], retry_for=0.3)
    assert not summary.complete
    assert summary.gave_up == "The device is full."
    assert (summary.accepted, summary.codes) == (1, {"NoSpace": 2})
    assert [(each.line, each.answer) for each in summary.unanswered] == [(2, "NoSpace"), (3, "NoSpace")]
    assert summary.unanswered[0].id, "whoever sends it again by hand needs the id that it went under"
    assert sending.notices == ["The device is full. It is tried again for 0.3 s. Ctrl-C ends that."]


async def test_a_wait_that_runs_out_is_waited_for_again(sending: Sending) -> None:
    requests = 0

    def handle(_head: bytes, body: bytes) -> tuple[bytes, bool]:
        nonlocal requests
        requests += 1
        late = {"status": 504, "type": "urn:twofold:problem:timed-out", "detail": "It goes on."} if requests < 3 else {}
        return HEAD + chunk(told(1, **late)) + chunk(b""), True

    async with scripted_server(handle) as url:
        in_time = await sending(url, [deposit(1)])
        requests = -10_000
        too_late = await sending(url, [deposit(1)], retry_for=0.2)
    assert (in_time.accepted, in_time.timed_out) == (1, 0)
    assert (too_late.accepted, too_late.timed_out, too_late.unanswered) == (1, 1, [])


@asynccontextmanager
async def restarting() -> AsyncIterator[tuple[str, anyio.Event]]:
    """Say that the server stops until the event is set."""
    is_up = anyio.Event()

    def handle(_head: bytes, body: bytes) -> tuple[bytes, bool]:
        if not is_up.is_set():
            return b"HTTP/1.1 502 Bad Gateway\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", False
        answers = b"".join(told(line) for line in range(1, len(body.splitlines()) + 1))
        return HEAD + chunk(answers) + chunk(b""), True

    async with scripted_server(handle) as url:
        yield url, is_up


async def test_a_person_is_told_once_that_it_waits_and_once_that_it_goes_on(sending: Sending) -> None:
    async with restarting() as (url, is_up), anyio.create_task_group() as tasks:

        async def come_back() -> None:
            while not sending.notices:
                await anyio.lowlevel.checkpoint()
            is_up.set()

        tasks.start_soon(come_back)
        summary = await sending(url, [deposit(1)], wait="accepted")
    assert summary.complete
    waits, goes_on = sending.notices
    assert waits == f"{url} answered 502: Bad Gateway. It is tried again for 30 s. Ctrl-C ends that."
    assert goes_on == "It goes on."


async def test_a_signal_ends_the_waiting(sending: Sending) -> None:
    async with restarting() as (url, _), anyio.create_task_group() as tasks:

        async def interrupt() -> None:
            while not sending.notices:
                await anyio.lowlevel.checkpoint()
            sending.interrupted.set()

        tasks.start_soon(interrupt)
        summary = await sending(url, [deposit(1)], retry_for=3600)
    assert summary.interrupted
    assert [each.answer for each in summary.unanswered] == ["ServerAway"]


def answers(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            answers("HTTP/1.1 404 Not Found\nContent-Type: text/html", b"<h1>no</h1>"),
            "POST /commands with 404 and text/html",
        ),
        (answers("HTTP/1.1 415 Unsupported Media Type"), "with 415 and no type"),
        (answers("HTTP/1.1 301 Moved\nLocation: http://192.0.2.1/"), "with 301"),
        (answers("HTTP/1.1 200 OK\nContent-Type: text/html", b"<h1>hello</h1>"), "with 200 and text/html"),
        (answers("HTTP/1.1 200 OK\nContent-Type: application/x-ndjson", b"hello\n"), "its answer cannot be read"),
        (answers("HTTP/1.1 200 OK\nContent-Type: application/x-ndjson", told(9)), "it answered line 9 of 1"),
        (b"220 mail.example ESMTP\r\n\r\n", "it speaks no HTTP"),
    ],
)
async def test_what_is_no_twofold_server_is_told_at_once(sending: Sending, answer: bytes, said: str) -> None:
    async with scripted_server(lambda _head, _body: (answer, False)) as url:
        with pytest.raises(NotTwofold) as refused:
            await sending(url, [deposit(1)])
    assert said in str(refused.value)
    assert "Give the URL that `twofold run` says" in str(refused.value)


async def test_a_server_that_is_not_meant_says_so_itself(sending: Sending) -> None:
    problem = {"type": "urn:twofold:problem:misdirected", "status": 421, "detail": "This is not 'shop.example'."}
    answer = answers("HTTP/1.1 421 Misdirected\nContent-Type: application/problem+json", json.dumps(problem).encode())
    async with scripted_server(lambda _head, _body: (answer, True)) as url:
        with pytest.raises(RequestRefused, match=r"^This is not 'shop.example'\.$"):
            await sending(url, [deposit(1)])


async def test_where_nothing_listens_that_is_said_with_what_to_do(sending: Sending) -> None:
    async with scripted_server(lambda _head, _body: (b"", False)) as url:
        pass
    with pytest.raises(
        ServerAway, match=r"^Nothing listens at http://127.0.0.1:\d+ \(.*\)\. Start `twofold run` there"
    ):
        await sending(url, [deposit(1)], retry_for=0.2)
