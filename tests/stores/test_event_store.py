"""The write database on SQLite: what the contract cannot ask of a fake."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace
from twofold.stores.chain import seal, verify
from twofold.stores.errors import CommitRefused, Corruption, DiskFull, ReadOnly, WrongCursor
from twofold.stores.records import GENESIS, Commit, EventRecord, Head, Outcome, StateRecord
from twofold.stores.sqlite.event_store import SqliteEventStore

from tests.doubles.ledger import ask

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "write.db"


def batch(head: Head, offset: int, count: int = 1, data: str = "{}") -> Commit:
    """Return a commit of `count` commands from `offset` on, each with one event in a stream of its own."""
    events: list[EventRecord] = []
    for n in range(offset, offset + count):
        events.append(seal(head, f"order-{n}", 1, "order.placed", 1, data, f'{{"offset":{n}}}', NOW))
        head = Head(events[-1].position, events[-1].hash)
    states = [StateRecord(event.stream, 1, "f", "{}") for event in events]
    outcomes = [
        Outcome(f"c{n}", n, bytes(32), "handled", f"order-{n}", 1, 1, event.position, NOW)
        for n, event in enumerate(events, offset)
    ]
    return Commit(events, states, outcomes, [], offset - 1, offset + count - 1)


def head_after(commit: Commit) -> Head:
    return Head(commit.events[-1].position, commit.events[-1].hash)


async def test_a_history_survives_closing_and_opening(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    commit = batch(GENESIS, 1, 500)
    await store.commit(commit)
    await store.close()
    store = await SqliteEventStore.open(file)
    assert await store.head() == head_after(commit)
    assert await store.cursor() == 500
    assert list(await store.read(0, 1000)) == list(commit.events)
    await store.commit(batch(head_after(commit), 501))
    await store.close()


async def test_a_full_disk_keeps_nothing_of_a_commit_and_the_same_commit_goes_through_later(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    first = batch(GENESIS, 1)
    await store.commit(first)
    pages = await store._database.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await store._database.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    second = batch(head_after(first), 2, 100, data=f'"{"x" * 3000}"')
    for _ in range(2):
        with pytest.raises(DiskFull):
            await store.commit(second)
        assert await store.cursor() == 1
        assert len(await store.read(0, 1000)) == 1
    await store._database.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    await store.commit(second)
    assert await store.cursor() == 101
    await store.close()


async def test_of_two_writers_the_one_that_comes_late_is_told_where_the_cursor_is(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    other = sqlite3.connect(file, isolation_level=None)
    await store.commit(batch(GENESIS, 1))
    other.execute("UPDATE cursors SET value = 7")
    other.close()
    with pytest.raises(WrongCursor) as late:
        await store.commit(batch(await store.head(), 2))
    assert (late.value.expected, late.value.actual) == (1, 7)
    await store.close()


async def test_an_integer_past_64_bits_is_refused_and_not_the_devices_fault(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    commit = batch(GENESIS, 1)
    with pytest.raises(CommitRefused):
        await store.commit(Commit([replace(commit.events[0], time=2**63)], [], [], [], 0, 1))
    await store.commit(commit)
    await store.close()


async def test_a_damaged_page_stops_the_store_where_it_is_read(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    await store.commit(batch(GENESIS, 1, 200, data=f'"{"x" * 3000}"'))
    await store.close()
    content = bytearray(file.read_bytes())
    for page in range(12, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    store = await SqliteEventStore.open(file)
    with pytest.raises(Corruption):
        await store.read(0, 1000)
    with pytest.raises(Corruption):
        await store.commit(batch(GENESIS, 1))
    await store.close()


async def test_a_file_that_is_no_database_is_refused_with_the_way_out(file: Path) -> None:
    file.write_bytes(os.urandom(8192))
    with pytest.raises(Corruption, match="Restore a backup"):
        await SqliteEventStore.open(file)


async def test_an_edit_of_the_history_shows_and_an_erasure_does_not(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    await store.commit(batch(GENESIS, 1, 10))
    await store.close()
    editor = sqlite3.connect(file, isolation_level=None)
    editor.execute("UPDATE events SET data = NULL WHERE position = 3")
    editor.execute("UPDATE events SET data = '[]' WHERE position = 5")
    editor.close()
    store = await SqliteEventStore.open(file)
    assert [link.position for link in verify(await store.read(0, 100), GENESIS)] == [5]
    await store.close()


async def test_a_tool_reads_beside_the_running_store_and_cannot_commit(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    first = batch(GENESIS, 1)
    await store.commit(first)
    tool = await SqliteEventStore.open_read_only(file)
    assert await tool.cursor() == 1
    await store.commit(batch(head_after(first), 2))
    assert await tool.cursor() == 2
    with pytest.raises(ReadOnly):
        await tool.commit(batch(await tool.head(), 3))
    await tool.close()
    await store.commit(batch(await store.head(), 3))
    await store.close()


async def test_reads_do_not_wait_for_a_commit_and_see_all_of_it_or_nothing(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    seen = set()
    done = anyio.Event()

    async def write() -> None:
        head = GENESIS
        for n in range(20):
            commit = batch(head, n * 50 + 1, 50)
            await store.commit(commit)
            head = head_after(commit)
        done.set()

    async def read() -> None:
        while not done.is_set():
            seen.add((await store.head()).position)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        group.start_soon(read)
    assert seen <= set(range(0, 1001, 50))
    assert len(seen) > 1
    await store.close()


async def test_the_wal_stays_bounded_once_a_long_reader_has_ended(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    reader = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    wal = file.with_name("write.db-wal")
    head, offset, data = GENESIS, 1, f'"{"x" * 100_000}"'

    async def write(megabytes: int) -> None:
        nonlocal head, offset
        for _ in range(megabytes):
            commit = batch(head, offset, 10, data)
            await store.commit(commit)
            head, offset = head_after(commit), offset + 10

    await write(80)
    assert wal.stat().st_size > 70_000_000
    reader.close()
    await write(40)
    assert wal.stat().st_size <= 64 * 1024 * 1024
    await store.close()


KILLED = """
import sys
from pathlib import Path
import anyio
from twofold.stores.sqlite.event_store import SqliteEventStore
sys.path.insert(0, sys.argv[2])
from test_event_store import GENESIS, batch, head_after

async def main():
    store = await SqliteEventStore.open(Path(sys.argv[1]))
    head, offset = GENESIS, 1
    while True:
        commit = batch(head, offset, 100)
        await store.commit(commit)
        head, offset = head_after(commit), offset + 100
        print(offset - 1, flush=True)

anyio.run(main)
"""


@pytest.mark.parametrize("commits", [1, 7, 23])
async def test_after_a_kill_there_are_whole_commits_and_all_that_were_acknowledged(file: Path, commits: int) -> None:
    arguments = [sys.executable, "-c", KILLED, str(file), str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 - nothing else is on the loop
        assert process.stdout is not None
        for _ in range(commits):
            acknowledged = int(process.stdout.readline())
        process.kill()
    store = await SqliteEventStore.open(file)
    cursor = await store.cursor()
    events = await store.read(0, 100_000)
    assert cursor >= acknowledged
    assert cursor % 100 == 0
    assert [event.position for event in events] == list(range(1, cursor + 1))
    assert list(verify(events, GENESIS)) == []
    assert len(await store.outcomes([f"c{n}" for n in range(1, cursor + 1)])) == cursor
    assert len(await store.states([event.stream for event in events])) == cursor
    await store.close()
    assert ask(file, "PRAGMA integrity_check") == [("ok",)]
