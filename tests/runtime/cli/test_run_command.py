"""`twofold run`: a process of its own that serves, says where, and stops in order."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from msgspec import Struct
from twofold import App, Config
from twofold.runtime.cli.run import run_server
from twofold.runtime.config import DataSettings, HttpSettings
from twofold.runtime.signatures import RegistrationError

from tests.doubles.clone import clone_in
from tests.doubles.command_line import ENVIRONMENT, REPOSITORY, TWOFOLD, CommandLine, Finished
from tests.doubles.ports import answers, free_port
from tests.doubles.terminal import Terminal

pytestmark = pytest.mark.timeout(120)


class Do(Struct, frozen=True):
    name: str


class Done(Struct, frozen=True):
    pass


class Nothing(Struct, frozen=True):
    pass


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", str(port))
    return port


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


@pytest.mark.anyio
async def test_a_domain_that_is_not_whole_takes_no_address(tmp_path: Path) -> None:
    app, port = App("half"), free_port()
    app.decider("half", Nothing, key="name", commands={"half.do": Do}, events={"half.done": Done})
    with pytest.raises(RegistrationError) as refused:
        await run_server(app, Config(data=DataSettings(dir=tmp_path), http=HttpSettings(port=port)))
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
    assert "half" in str(refused.value)


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


@pytest.mark.parametrize("is_on_path", [True, False], ids=["on PATH", "not on PATH"])
def test_on_a_terminal_it_proposes_lines_that_work_as_they_are_pasted(
    tmp_path: Path, port: int, is_on_path: bool
) -> None:
    environment = ENVIRONMENT | {"PATH": f"{TWOFOLD.parent}:/usr/bin:/bin" if is_on_path else "/usr/bin:/bin"}
    command: list[str | Path] = [
        TWOFOLD,
        "run",
        "--config",
        REPOSITORY / "config.toml",
        "--data",
        tmp_path / "a folder",
    ]
    with Terminal(command, tmp_path, environment) as terminal:
        lines = proposed_by(terminal)
        told = [pasted(line, tmp_path, environment) for line in lines]
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.end() == 0
    assert lines[-1].startswith("twofold " if is_on_path else f"{TWOFOLD} ")
    assert [each.code for each in told] == [0] * 6, told
    placed, outcome, stream, top, ready = (json.loads(each.out) for each in told[:-1])
    assert placed["outcome"] == outcome["outcome"] == "handled"
    assert stream["events"][0]["position"] == placed["position"] == 1
    assert top["value"] == [{"country": "Norway", "revenue": "15.30"}]
    assert ready["ready"] is True
    assert f"open in process {terminal.pid}" in told[-1].out


def test_make_run_proposes_such_lines_too_and_ends_at_ctrl_c_without_a_word_from_make(
    tmp_path: Path, port: int
) -> None:
    clone = clone_in(tmp_path)
    environment = ENVIRONMENT | {"PATH": "/usr/bin:/bin"}
    with Terminal(["make", "run"], clone, environment) as make:
        lines = proposed_by(make)
        told = [pasted(line, clone, environment) for line in lines]
        make.press_ctrl_c()
        assert make.end() in (0, -signal.SIGINT)
    assert [each.code for each in told] == [0] * 6, told
    assert lines[-1] == ".venv/bin/twofold status"
    assert f"{clone / 'data'}: open in process" in told[-1].out
    assert "stopped seconds=" in make.text
    assert not re.search(r"^make|Traceback", make.text, re.MULTILINE)


def proposed_by(terminal: Terminal) -> list[str]:
    lines = re.findall(r"^  (.*)$", terminal.until(r" status.*\n").partition("try:\n")[2], re.MULTILINE)
    assert len(lines) == 6, terminal.text
    return lines


def pasted(line: str, folder: Path, environment: Mapping[str, str]) -> Finished:
    done = subprocess.run(
        line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    return Finished(done.returncode, done.stdout, done.stderr)
