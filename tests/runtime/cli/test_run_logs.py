"""What `twofold run` says to who keeps it running: one JSON object a line, from its start to its end."""

import json
import os
import pty
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.doubles.command_line import ENVIRONMENT, TWOFOLD, CommandLine, Running

pytestmark = pytest.mark.timeout(120)

COMMANDS = 20


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", "0")
    with CommandLine(tmp_path / "data") as shop:
        yield shop


def lines(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines()]


def serve(shop: CommandLine) -> tuple[Running, str]:
    server = shop.start("run")
    server.until(lambda: '"serving"' in server.err and server.err.endswith("\n"))
    return server, lines(server.err)[-1]["url"]


def test_it_tells_of_its_start_and_its_end_and_of_no_command_between(shop: CommandLine) -> None:
    server, url = serve(shop)
    with httpx.Client(base_url=url, trust_env=False) as client:
        for n in range(COMMANDS):
            client.post("/commands/product.reprice?wait=projected", json={"sku": str(n), "price": "2.5"})
        assert client.get("/nonsense").status_code == 404
    server.signal(signal.SIGTERM)
    ended = server.finished()
    started, serving, stopping, stopped = lines(ended.err)
    assert [line["event"] for line in (started, serving, stopping, stopped)] == [
        "started",
        "serving",
        "stopping",
        "stopped",
    ]
    assert (started["folder"], started["head"]) == (str(shop.data), 0)
    assert (stopped["level"], stopped["unhandled"], stopped["unprojected"]) == ("info", 0, 0)
    assert ended.out == ""


def test_after_a_kill_the_next_start_tells_what_it_found(shop: CommandLine) -> None:
    server, url = serve(shop)
    httpx.post(f"{url}/commands/product.reprice?wait=projected", json={"sku": "A", "price": "2"}, trust_env=False)
    server.signal(signal.SIGKILL)
    server.finished()
    tail = max((shop.data / "log").glob("*.log"))
    with tail.open("ab") as log:
        log.write(b"half a batch")
    again, _ = serve(shop)
    torn, started, _ = lines(again.err)
    assert (torn["event"], torn["level"], torn["bytes"]) == ("torn tail cut", "warning", 12)
    assert started["log_end"] == started["projected"] == 1


def test_a_start_that_is_refused_is_one_line_with_the_exit_code(shop: CommandLine) -> None:
    server, _ = serve(shop)
    refused = shop.run("run")
    [line] = lines(refused.err)
    assert (refused.code, line["exit_code"], line["event"]) == (ExitCode.LOCKED, ExitCode.LOCKED, "failed")
    assert f"is locked by process {server.pid}" in line["cause"]


def test_a_start_that_is_refused_is_told_to_a_person_as_everywhere(tmp_path: Path) -> None:
    process, terminal = pty.fork()
    if not process:
        os.execve(TWOFOLD, [str(TWOFOLD), "run", "--config", str(tmp_path / "absent.toml")], ENVIRONMENT)
    try:
        said = b""
        with suppress(OSError):  # what a terminal answers once nobody has its other end
            while block := os.read(terminal, 65536):
                said += block
    finally:
        _, ended = os.waitpid(process, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == ExitCode.CONFIGURATION
    assert said.decode().startswith("Error: ")
    assert "absent.toml cannot be read" in said.decode()
