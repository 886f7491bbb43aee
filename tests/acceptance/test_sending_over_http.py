"""Six months of a real shop over HTTP, to a process that is left alone, and to one that is killed ten times."""

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from twofold.stores.lock import lock_holder

from tests.acceptance.drivers import check_verified
from tests.acceptance.invariants import Answers, check_invariants, check_states_fold, logged_ids
from tests.acceptance.published_figures import check_figures, check_summary
from tests.doubles.command_line import ENVIRONMENT, TWOFOLD, CommandLine, Running
from tests.doubles.ports import answers, free_port

KILLS = 10


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", str(port))
    return port


def start_sending(shop: CommandLine, commands: Path, port: int) -> Running:
    url = f"http://127.0.0.1:{port}"
    return shop.start_program(TWOFOLD, "send", commands, "--url", url, "--wait", "projected", "--json")


def status_of(shop: CommandLine) -> dict[str, int]:
    status = shop.run("status", "--json").answer
    return {mark: status[mark] for mark in ("log_end", "handled", "head", "projected", "held_by")}


@pytest.mark.timeout(240)
def test_the_whole_file_goes_to_a_server_and_again_and_the_figures_come_out_as_published(
    shop: CommandLine, port: int, real_commands: Path, figures: dict[str, Any]
) -> None:
    server = shop.start("run")
    server.until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
    sent = start_sending(shop, real_commands, port).finished(120)
    assert sent.code == 0, sent
    check_summary(sent.answer, figures)
    assert sent.answer["repeated"] == 0
    before = status_of(shop)
    assert before["held_by"] == server.pid
    assert before["projected"] == before["head"] == sent.answer["position"]
    check_figures(shop, figures)

    again = start_sending(shop, real_commands, port).finished(120)
    assert again.code == 0, again
    assert again.answer["repeated"] == again.answer["accepted"] == sent.answer["accepted"]
    for same in ("outcomes", "refused", "position"):
        assert again.answer[same] == sent.answer[same]
    assert status_of(shop) == before


@pytest.mark.timeout(300)
def test_ten_kills_of_the_server_lose_nothing_and_change_no_order_of_what_is_sent(
    shop: CommandLine, port: int, real_commands: Path, figures: dict[str, Any]
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1 << 32))
    print(f"KILL_SEED={seed}")  # noqa: T201 a failed run is repeated with it
    random_ = random.Random(seed)
    whole = real_commands.stat().st_size
    client = start_sending(shop, real_commands, port)
    for log_bytes in sorted(random_.randrange(whole * 3 // 4) for _ in range(KILLS)):
        server = shop.start("run")
        server.until(lambda server=server: lock_holder(shop.data) == server.pid)  # type: ignore[misc]
        client.until(lambda log_bytes=log_bytes: shop.log_bytes() >= log_bytes)  # type: ignore[misc]
        assert not server.ends_within(random_.uniform(0, 0.3))
        server.signal(signal.SIGKILL)
        assert server.finished().code == -signal.SIGKILL
        check_invariants(shop.data, Answers({}, set()))
        assert not client.ends_within(0), "every kill must hit a server to which something is still to be sent"

    server = shop.start("run")
    sent = client.finished(120)
    assert sent.code == 0, sent
    check_summary(sent.answer, figures)
    assert "It is tried again" in sent.err
    check_figures(shop, figures)
    server.signal(signal.SIGTERM)
    assert server.finished().code == 0

    refused = {each["id"] for each in sent.answer["refused"]}
    check_invariants(shop.data, Answers({}, refused))
    check_states_fold(shop.data)
    ids = [json.loads(line)["id"] for line in real_commands.read_bytes().splitlines()]
    accepted = [id_ for id_ in ids if id_ not in refused]
    assert logged_ids(shop.data / "log") == accepted, "I1: what was accepted is in the log, in the order of the file"
    check_verified(shop)
