"""The two programs that embed the shop: an anyio program of its own, and a site in Starlette."""

import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.doubles.command_line import ENVIRONMENT, REPOSITORY, CommandLine
from tests.doubles.ports import answers, free_port

pytestmark = pytest.mark.timeout(120)


def test_a_program_of_ones_own_prints_the_same_however_often_it_runs(tmp_path: Path) -> None:
    assert embedded(tmp_path) == embedded(tmp_path) == "France 15.30 at position 2\nNorway 15.30 at position 2\n"
    assert CommandLine(tmp_path / "data-embedded").run("verify").code == ExitCode.DONE


def embedded(folder: Path) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "examples.embed"],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_that_program_is_short() -> None:
    program = (REPOSITORY / "examples" / "embed.py").read_text(encoding="utf-8")
    assert len([line for line in program.splitlines() if line]) < 30


def test_a_site_serves_its_page_and_below_a_path_the_shop_and_stops_both_in_order(tmp_path: Path) -> None:
    port = free_port()
    uvicorn = Path(sysconfig.get_path("scripts")) / "uvicorn"
    shop = CommandLine(tmp_path / "data-process-1" / "data-mounted")
    with CommandLine(tmp_path / "data") as elsewhere:
        server = elsewhere.start_program(uvicorn, "examples.mount_starlette:site", "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        server.until(lambda: answers(url))
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert "0 orders, 0.00 GBP" in client.get("/").text
            order = {"order_id": "1", "country": "Norway", "lines": [{"sku": "A", "quantity": 2, "unit_price": "2.5"}]}
            placed = client.post("/shop/commands/order.place?wait=projected", json=order)
            assert placed.json()["outcome"] == "handled"
            assert "1 orders, 5.00 GBP" in client.get("/").text
            assert client.get("/shop/readyz").json()["ready"] is True
            assert client.get("/shop/streams/order-1").json()["events"][0]["type"] == "order.placed"
            assert client.get("/readyz").status_code == 404
            assert shop.run("status", "--json").answer["held_by"] == server.pid
        server.signal(signal.SIGTERM)
        ended = server.finished()
    assert ended.code in (0, -signal.SIGTERM), ended  # newer ones raise the signal again, once all is stopped
    assert "Application shutdown complete" in ended.err
    assert shop.run("status", "--json").answer["held_by"] is None
    assert shop.run("verify").code == ExitCode.DONE
