"""What a server tells an operator to do about effects works as it is pasted, in a folder that knows nothing of it."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.doubles.command_line import ENVIRONMENT, TWOFOLD, CommandLine, Running
from tests.doubles.ledger import edit
from tests.doubles.ports import answers, free_port

pytestmark = pytest.mark.timeout(120)

DOMAIN = """
from tests.doubles.refusing import Calls

app = Calls().app
"""
ADA = {"account": "1", "owner": "Ada"}


def next_steps(server: Running) -> list[str]:
    """Return what the lines of the server's log propose."""
    whole, _, _ = server.err.rpartition("\n")
    lines = map(json.loads, whole.splitlines())
    return [line["next"] for line in lines if "next" in line]


def pasted(command: str, folder: Path) -> str:
    """Run a command line in a folder with neither data nor settings, and return what it says."""
    folder.mkdir(exist_ok=True)
    environment = ENVIRONMENT | {"PATH": f"{TWOFOLD.parent}:/usr/bin:/bin"}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done
    return done.stdout


def test_what_it_says_of_parked_effects_and_paused_consumers_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", str(port))
    (tmp_path / "refusing.py").write_text(DOMAIN, encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "refusing:app"\n', encoding="utf-8")
    with CommandLine(tmp_path / "data", tmp_path / "config.toml") as bank:
        assert bank.run("send", "/dev/null").code == 0
        edit(bank.data / "effects.db", "UPDATE consumers SET paused = 'access denied'")
        server = bank.start("run")
        server.until(lambda: answers(f"{url}/readyz"))
        (paused,) = next_steps(server)
        (trouble,) = httpx.get(f"{url}/readyz", trust_env=False).json()["effects"]
        assert trouble.endswith(paused.removeprefix("mend the access, then: "))
        httpx.post(f"{url}/commands/account.open?wait=projected", json=ADA, trust_env=False)
        resume = paused.removeprefix("mend the access, then: ")
        assert pasted(resume, tmp_path / "elsewhere").startswith("calls goes on; it has ")
        server.until(lambda: len(next_steps(server)) == 2)
        assert "error     no such number" in pasted(next_steps(server)[1], tmp_path / "elsewhere")
