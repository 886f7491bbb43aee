"""The read database is rebuilt while another process asks it, commands come in and effects go out; and a kill there."""

import json
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import rebuild_driver
from tests.acceptance.drivers import check_settled
from tests.acceptance.effects_seen import check_each_effect_is_done, effect_rows, purges
from tests.acceptance.invariants import Answers, read_db_file, rows_of
from tests.acceptance.shop_commands import write_shop_commands
from tests.doubles.command_line import CommandLine, Running
from tests.doubles.pipe import Pipe

pytestmark = pytest.mark.timeout(180)

NOBODY = Answers({}, set())


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def notes(folder: Path) -> Path:
    return folder / "notes"


@pytest.fixture
def rebuilding(shop: CommandLine, folder: Path, pipe: Pipe, notes: Path) -> Running:
    """Return a process that has rebuilt once, goes on with it, and handles commands and queries beside."""
    commands = write_shop_commands(folder / "commands.ndjson", 2_000)
    program = Path(rebuild_driver.__file__)
    process = shop.start_program(sys.executable, program, shop.data, commands, notes, stdin=pipe.reading)
    process.until(lambda: rebuilds(notes) != [])
    return process


def noted(notes: Path, kind: bytes) -> list[dict[str, Any]]:
    """Return the whole lines of the notes that have `kind` in them. The others, which are many, are not parsed."""
    whole, _, _ = notes.read_bytes().rpartition(b"\n") if notes.exists() else (b"", b"", b"")
    return [json.loads(line) for line in whole.splitlines() if kind in line]


def rebuilds(notes: Path) -> list[dict[str, Any]]:
    return noted(notes, b'"rebuilt"')


def asked_from_outside(shop: CommandLine) -> int:
    """Ask with the command line, beside the process that has the folder, and return the position of the answer."""
    answer = shop.run("query", "shop.totals", "--json")
    assert answer.code == 0, answer
    return int(answer.answer["position"])


def check_positions(notes: Path) -> None:
    """Assert that no answer in the process was at an earlier position than the one before it."""
    positions: dict[int, list[int]] = defaultdict(list)
    for note in noted(notes, b'"task"'):
        positions[note["task"]].append(note["position"])
    assert all(each == sorted(each) for each in positions.values())
    assert min(len(set(each)) for each in positions.values()) > 10, "too little happened beside the rebuilds"


def test_queries_from_inside_and_outside_never_fail_or_go_back_and_no_effect_fires_again(
    shop: CommandLine, folder: Path, pipe: Pipe, notes: Path, rebuilding: Running
) -> None:
    outside = [0]
    while len(outside) <= 10 or len(rebuilds(notes)) < 4:
        outside.append(asked_from_outside(shop))
        assert not rebuilding.ends_within(0), rebuilding.finished()
    pipe.close()
    ended = rebuilding.finished()
    assert (ended.code, ended.err) == (0, ""), "no actor had to be replaced"
    assert outside == sorted(outside)
    check_positions(notes)
    assert {note["back"] for note in rebuilds(notes)} == {False, True}

    check_each_effect_is_done(shop.data)
    assert {row.attempts for row in effect_rows(shop.data)} == {1}
    assert set(purges(shop.data)[0].values()) == {1}

    serving = read_db_file(shop.data)
    rows = rows_of(serving)
    back = shop.run("rebuild", "--back", "--json")
    assert back.code == 0, back
    assert read_db_file(shop.data) != serving
    assert rows_of(read_db_file(shop.data)) == rows, "two generations that were filled under load differ"
    check_settled(shop, NOBODY, folder / "copy")


def test_a_kill_in_the_middle_of_a_rebuild_leaves_the_old_one_serving_and_nothing_lost(
    shop: CommandLine, folder: Path, notes: Path, rebuilding: Running
) -> None:
    rebuilding.until(lambda: len(list((shop.data / "read").glob("*.db"))) > 2)
    rebuilding.signal(signal.SIGKILL)
    killed = rebuilding.finished()
    assert killed.code == -signal.SIGKILL, killed
    last = max(note["position"] for note in noted(notes, b'"task"'))
    assert asked_from_outside(shop) >= last
    unknown = Counter(row.effect_id for row in effect_rows(shop.data) if row.state == "sending")

    assert shop.run("send", "-", "--settle", "--json").code == 0
    check_each_effect_is_done(shop.data)
    tries = {row.effect_id: row.attempts for row in effect_rows(shop.data)}
    assert tries == {effect: 1 + unknown[effect] for effect in tries}
    check_settled(shop, NOBODY, folder / "copy")
