"""SIGTERM under load: every client that waits gets a true answer, and what was answered as accepted is in the log."""

import signal
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from twofold.runtime.http.requests import Readings

from tests.doubles.command_line import ENVIRONMENT, CommandLine
from tests.doubles.raw_http import chunk, connected, request
from tests.doubles.served import problem

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

CLIENTS = 200
WAITS = "accepted", "handled", "projected"
JSON = "Content-Type: application/json"


def reprice(number: int) -> bytes:
    data = b'{"sku":"s%d","price":"1.5"}' % number
    headers = JSON, f"Idempotency-Key: id-{number}", f"Content-Length: {len(data)}"
    return request(f"POST /commands/product.reprice?wait={WAITS[number % 3]}", *headers, body=data)


async def test_whoever_waits_is_answered_and_the_log_holds_what_was_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", str(port))
    with CommandLine(tmp_path / "data") as shop:
        server = shop.start("run")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await ready(client)
            answers, last = await answers_while_it_stops(client, server.process.send_signal)
        assert server.finished().code == 0
        accepted = {answer.json()["command_id"] for answer in answers if answer.status_code < 300}
        refused = [problem(answer) for answer in answers if answer.status_code >= 300]
        refused_ids = {f"id-{number}" for number, answer in enumerate(answers) if answer.status_code >= 300}
        assert len(answers) == CLIENTS
        assert set(refused) <= {(503, "stopping")}
        assert (last["line"], last["status"], last["type"]) == (2, 503, "urn:twofold:problem:stopping")
        logged = {entry["id"] for entry in shop.run("log", "dump", "--json").answers}
        assert accepted | {"of-a-row"} <= logged
        assert "half" not in logged
        assert refused_ids.isdisjoint(logged), "they were told that nothing was appended"
        assert shop.run("verify", "--json").answer["faults"] == []


async def test_what_begins_to_be_read_after_the_stop_is_not_waited_for() -> None:
    readings = Readings()
    readings.stop()
    with anyio.fail_after(10), readings.reading() as reading:
        await anyio.sleep_forever()
    assert reading.cancelled_caught


async def ready(client: httpx.AsyncClient) -> None:
    with anyio.fail_after(60):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await anyio.lowlevel.checkpoint()


async def answers_while_it_stops(client: httpx.AsyncClient, send_signal: Any) -> tuple[list[httpx.Response], Any]:
    """Return the answers of clients whose requests reach the process with the signal, and the last line of a row."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(client)) for _ in range(CLIENTS)]
        row, half_head, half_body, silent = [await stack.enter_async_context(connected(client)) for _ in range(4)]
        for each in (*clients, half_head, half_body):
            await each.send(request("GET /healthz"))
            assert (await each.answer()).status_code == 200
        await row.send(request("POST /commands", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"))
        line = b'{"type":"product.reprice","id":"of-a-row","data":{"sku":"a","price":"1"}}\n'
        await row.send(chunk(line + line[:30]))
        lines = row.lines()
        assert (await anext(lines))["status"] == 202

        send_signal(signal.SIGSTOP)
        for number, each in enumerate(clients):
            await each.send(reprice(number))
        await half_head.send(request("GET /healthz")[:-2])
        await half_body.send(
            request("POST /commands/product.reprice", JSON, "Idempotency-Key: half", "Content-Length: 90")
        )
        send_signal(signal.SIGTERM)
        send_signal(signal.SIGCONT)

        answers = [await each.answer() for each in clients]
        (last,) = [each async for each in lines]
        assert problem(await half_body.answer()) == (503, "stopping")
        for each in (half_head, silent, *clients):
            assert await each.rest() == b""
        return answers, last
