"""`twofold run`: a process of its own that serves, says where, and stops in order."""

import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doubles.command_line import ENVIRONMENT, REPOSITORY, TWOFOLD, CommandLine, Finished

pytestmark = pytest.mark.timeout(120)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", str(port))
    return port


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_stops_it_in_order(tmp_path: Path, port: int, number: signal.Signals) -> None:
    url = f"http://127.0.0.1:{port}"
    with CommandLine(tmp_path / "data") as shop:
        server = shop.start("run")
        server.until(lambda: answers(f"{url}/readyz"))
        answer = httpx.post(
            f"{url}/commands/product.reprice?wait=projected", json={"sku": "A", "price": "2.5"}, trust_env=False
        )
        assert answer.json()["position"] == 1
        status = shop.run("status", "--json").answer
        assert (status["held_by"], status["projected"]) == (server.pid, 1)
        server.signal(number)
        ended = server.finished()
        assert ended.code == 0, ended
        assert shop.run("verify", "--json").answer["faults"] == []


def test_an_address_that_is_taken_is_told_with_the_setting(tmp_path: Path, port: int) -> None:
    with socket.socket() as other, CommandLine(tmp_path / "data") as shop:
        other.bind(("127.0.0.1", port))
        other.listen()
        ended = shop.run("run")
    assert ended.code == 9
    assert f"Nothing can listen on 127.0.0.1, port {port}" in ended.err
    assert "TWOFOLD_HTTP__PORT" in ended.err


def test_an_address_that_others_can_reach_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__HOST", "0.0.0.0")
    with CommandLine(tmp_path / "data") as shop:
        ended = shop.run("run")
    assert ended.code == 3
    assert "can be reached from other machines, and nobody is asked who they are" in ended.err


def test_a_folder_that_another_process_has_is_told(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with CommandLine(tmp_path / "data") as shop:
        server = shop.start("run")
        server.until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", "0")
        ended = shop.run("run")
    assert ended.code == 4
    assert f"is locked by process {server.pid}, which takes requests at http://127.0.0.1:{port}" in ended.err


def test_on_a_terminal_it_proposes_lines_that_work_as_they_are_pasted(tmp_path: Path, port: int) -> None:
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        command = [str(TWOFOLD), "run", "--config", str(REPOSITORY / "config.toml"), "--data", str(tmp_path / "data")]
        os.execve(TWOFOLD, command, ENVIRONMENT)
    try:
        proposed = read_until(terminal, "readyz").replace("\r", "")
        lines = re.findall(r"^  (curl .*)$", proposed, re.MULTILINE)
        assert len(lines) == 5, proposed
        told = [pasted(line) for line in lines]
    finally:
        os.kill(process, signal.SIGTERM)
        _, ended = os.waitpid(process, 0)
        os.close(terminal)
    assert [each.code for each in told] == [0] * 5
    placed, outcome, stream, _, ready = (json.loads(each.out) for each in told)
    assert placed["outcome"] == outcome["outcome"] == "handled"
    assert stream["events"][0]["position"] == placed["position"] == 1
    assert ready["ready"] is True
    assert os.waitstatus_to_exitcode(ended) == 0


def pasted(line: str) -> Finished:
    done: Any = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False, timeout=30)
    return Finished(done.returncode, done.stdout, done.stderr)


def read_until(terminal: int, mark: str) -> str:
    said, deadline = "", time.monotonic() + 60
    while mark not in said:
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 1.0)[0]:
            said += os.read(terminal, 65536).decode()
    return said
