"""`twofold rebuild`: what it says and leaves, also where it is killed in the middle."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.stores.lock import FolderLock

from tests.doubles.command_line import ENVIRONMENT, REPOSITORY, TWOFOLD, CommandLine, Finished

EVENTS = 60
KILLED_REBUILD = REPOSITORY / "tests" / "doubles" / "killed_rebuild.py"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CommandLine]:
    """Return a shop with products that were repriced."""
    with CommandLine(tmp_path / "data") as shop:
        send(shop, EVENTS)
        yield shop


def send(shop: CommandLine, count: int) -> None:
    commands = [
        {"type": "product.reprice", "data": {"sku": f"s{number % 7}", "price": f"{number + 1}.5"}}
        for number in range(count)
    ]
    sent = shop.run("send", "-", "--settle", stdin="\n".join(map(json.dumps, commands)).encode())
    assert sent.code == ExitCode.DONE, sent


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as reader:
        names = [name for (name,) in reader.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: sorted(reader.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def serving(shop: CommandLine) -> Path:
    read = shop.data / "read"
    return read / (read / "current").read_text().split()[0]


def databases(shop: CommandLine) -> list[str]:
    return sorted(each.name for each in (shop.data / "read").glob("*.db"))


def test_it_fills_a_new_file_with_the_same_rows_and_keeps_the_old_one(shop: CommandLine) -> None:
    rebuilt = shop.run("rebuild")
    assert rebuilt.code == ExitCode.DONE, rebuilt
    assert f"is rebuilt, at position {EVENTS}: {EVENTS} events applied" in rebuilt.out
    assert rebuilt.err == ""
    assert databases(shop) == ["generation-000001.db", "generation-000002.db"]
    old, new = (tables(shop.data / "read" / name) for name in databases(shop))
    assert old == new
    assert serving(shop).name == "generation-000002.db"
    verified = shop.run("verify")
    assert verified.code == ExitCode.DONE, verified


def test_the_way_back_leads_to_the_old_file_with_what_happened_since(shop: CommandLine) -> None:
    assert shop.run("rebuild").code == ExitCode.DONE
    send(shop, 5)
    back = shop.run("rebuild", "--back", "--json")
    assert back.code == ExitCode.DONE, back
    assert (back.answer["position"], back.answer["events"]) == (EVENTS + 5, 5)
    assert serving(shop).name == "generation-000001.db"
    assert shop.run("verify").code == ExitCode.DONE
    forth = shop.run("rebuild", "--back", "--json")
    assert (forth.answer["position"], forth.answer["events"]) == (EVENTS + 5, 0)


def test_without_a_way_back_it_says_so_and_changes_nothing(shop: CommandLine) -> None:
    back = shop.run("rebuild", "--back")
    assert (back.code, back.out) == (ExitCode.NOT_DONE, "")
    assert back.err.startswith("Error: There is no way back: no earlier generation is kept.")
    assert databases(shop) == ["generation-000001.db"]


def test_beside_a_process_that_has_the_folder_it_is_locked_out(shop: CommandLine) -> None:
    lock = FolderLock(shop.data)
    refused = shop.run("rebuild")
    lock.release()
    assert refused.code == ExitCode.LOCKED
    assert str(os.getpid()) in refused.err


def test_where_there_is_no_data_it_makes_none(tmp_path: Path) -> None:
    refused = CommandLine(tmp_path / "nothing").run("rebuild")
    assert refused.code == ExitCode.NOT_DONE
    assert "There is no data" in refused.err
    assert not (tmp_path / "nothing").exists()


def test_a_read_database_that_is_gone_is_filled_by_it(shop: CommandLine) -> None:
    before = tables(serving(shop))
    for each in (shop.data / "read").iterdir():
        each.unlink()
    rebuilt = shop.run("rebuild", "--json")
    assert (rebuilt.code, rebuilt.answer["events"]) == (ExitCode.DONE, EVENTS)
    assert tables(serving(shop)) == before
    assert (shop.data / "read" / "current").read_text() == "generation-000001.db\n"


def killed(shop: CommandLine, point: str, *arguments: str) -> Finished:
    options = ("--data", shop.data, "--config", shop.config)
    return shop.start_program(sys.executable, KILLED_REBUILD, point, "rebuild", *arguments, *options).finished()


@pytest.mark.parametrize("point", ["created", "applied", "checkpointed"])
def test_a_kill_in_the_middle_leaves_the_old_one_serving_and_the_next_start_clean(
    shop: CommandLine, point: str
) -> None:
    before = tables(serving(shop))
    assert killed(shop, point).code == -signal.SIGKILL
    assert serving(shop).name == "generation-000001.db"
    assert databases(shop) == ["generation-000001.db", "generation-000002.db"], "the kill came in the middle"
    answer = shop.run("query", "shop.totals")
    assert answer.code == ExitCode.DONE, answer
    assert shop.run("verify").code == ExitCode.DONE
    send(shop, 0)
    assert databases(shop) == ["generation-000001.db"]
    assert tables(serving(shop)) == before
    assert shop.run("rebuild").code == ExitCode.DONE
    assert tables(serving(shop)) == before


def test_a_kill_right_behind_the_pointer_leaves_the_new_one_serving_and_the_way_back(shop: CommandLine) -> None:
    before = tables(serving(shop))
    assert killed(shop, "pointed").code == -signal.SIGKILL
    assert serving(shop).name == "generation-000002.db"
    send(shop, 0)
    assert tables(serving(shop)) == before
    assert shop.run("verify").code == ExitCode.DONE
    assert shop.run("rebuild", "--back").code == ExitCode.DONE
    assert serving(shop).name == "generation-000001.db"


def test_a_kill_on_the_way_back_leaves_the_new_one_serving_and_the_way_open(shop: CommandLine) -> None:
    assert shop.run("rebuild").code == ExitCode.DONE
    send(shop, 30)
    before = tables(serving(shop))
    assert killed(shop, "applied", "--back").code == -signal.SIGKILL
    assert serving(shop).name == "generation-000002.db"
    back = shop.run("rebuild", "--back", "--json")
    assert (back.answer["position"], back.answer["events"]) == (EVENTS + 30, 10), "two steps were kept"
    assert tables(serving(shop)) == before


def test_a_signal_in_the_middle_ends_it_in_order_and_the_old_one_serves(shop: CommandLine) -> None:
    ended = killed(shop, "interrupted")
    assert (ended.code, ended.out) == (ExitCode.INTERRUPTED, "")
    assert "Interrupted" in ended.err
    assert (databases(shop), serving(shop).name) == (["generation-000001.db"], "generation-000001.db")


def test_status_says_that_the_read_database_is_being_filled(shop: CommandLine) -> None:
    assert "filled" not in shop.run("status").out
    (shop.data / "read" / "current").write_text("generation-000001.db filling\n")
    assert "it is being filled anew" in shop.run("status").out
    assert shop.run("status", "--json").answer["is_filled"] is False
    assert shop.run("rebuild", "--json").answer["events"] == 0
    assert shop.run("status", "--json").answer["is_filled"] is True


def test_on_a_terminal_it_shows_how_far_it_is(shop: CommandLine) -> None:
    ours, theirs = pty.openpty()
    command = [str(word) for word in (TWOFOLD, "rebuild", "--data", shop.data, "--config", shop.config)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, env=ENVIRONMENT, cwd=shop.data.parent, check=False, timeout=60
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert done.returncode == ExitCode.DONE
    assert b"rebuilding" in shown
    assert f"{EVENTS}/{EVENTS}".encode() in shown
