"""A data folder has one writer, and any number of readers beside it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.acceptance.drivers import check_settled
from tests.acceptance.invariants import Answers
from tests.doubles.command_line import CommandLine, Running
from tests.doubles.pipe import Pipe

pytestmark = pytest.mark.timeout(120)

LINES = 2_500


@pytest.fixture
def lines(made_up_commands: Path) -> list[bytes]:
    return made_up_commands.read_bytes().splitlines(keepends=True)[:LINES]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def first(shop: CommandLine, pipe: Pipe, lines: list[bytes]) -> Running:
    """Return a `send` that has handled some lines and waits for more."""
    process = shop.start("send", "-", "--wait", "projected", "--json", stdin=pipe.reading)
    pipe.write(b"".join(lines[:1_000]))
    process.until(lambda: shop.log_bytes() > 50_000)
    return process


def test_a_second_send_is_turned_away_and_the_first_goes_on(
    shop: CommandLine, folder: Path, pipe: Pipe, first: Running, lines: list[bytes], made_up_commands: Path
) -> None:
    second = shop.run("send", made_up_commands, "--json")
    assert (second.code, second.out) == (ExitCode.LOCKED, "")
    assert re.search(rf"locked by process {first.pid}\b", second.err)
    assert len(second.err.splitlines()) == 1

    pipe.write(b"".join(lines[1_000:]))
    pipe.close()
    ended = first.finished()
    assert ended.code == 0, ended
    assert ended.answer["lines"] == LINES
    assert ended.answer["accepted"] + len(ended.answer["refused"]) == LINES
    check_settled(shop, Answers({}, set()), folder / "copy")


def test_reading_commands_work_beside_a_running_send(shop: CommandLine, first: Running, pipe: Pipe) -> None:
    status = shop.run("status", "--json").answer
    assert status["held_by"] == first.pid
    assert 0 < status["projected"] <= status["head"]
    assert f"open in process {first.pid}" in shop.run("status").out

    product = shop.run("query", "shop.top_products", "limit=1", "--json").answer["value"][0]["sku"]
    assert shop.run("history", f"product-{product}", "--json").answers[0]["version"] == 1
    assert shop.run("state", f"product-{product}", "--json").answer["version"] >= 1
    assert shop.run("log", "dump", "--limit", "3", "--json").answers[0]["offset"] == 1
    verified = shop.run("verify", "--json")
    assert (verified.code, verified.answer["faults"]) == (0, [])

    pipe.close()
    assert first.finished().code == 0


def test_a_lock_file_left_by_a_killed_process_locks_nothing(shop: CommandLine, first: Running, pipe: Pipe) -> None:
    first.process.kill()
    first.finished()
    assert shop.run("status", "--json").answer["held_by"] is None
    assert shop.run("send", "-", "--json").code == 0
