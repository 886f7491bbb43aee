"""Opening a database: its settings, its schema, its errors, and what is left of it."""

import asyncio
import errno
import inspect
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import aiosqlite
import anyio
import pytest
from msgspec.structs import replace
from twofold.stores.errors import (
    Corruption,
    DiskFull,
    Locked,
    NoSuchStore,
    ReadOnly,
    SchemaTooNew,
    StorageFailed,
    StoreClosed,
)
from twofold.stores.sqlite.connection import Connection
from twofold.stores.sqlite.database import Database
from twofold.stores.sqlite.migrations import WRITE_DB, Schema
from twofold.stores.sqlite.settings import Synchronous, apply_settings
from twofold.stores.sqlite.transactions import transaction

pytestmark = pytest.mark.anyio

VERSION_1 = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT;"


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "notes_1.sql").write_text(VERSION_1)
    return Schema("notes", 0x6E6F7465, "notebook", "Buy another one.", folder=folder)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


def pragma(name: str) -> Callable[[sqlite3.Connection], object]:
    def work(connection: sqlite3.Connection) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    return work


def script(sql: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.executescript(sql)


def answering(answer: int) -> Callable[[sqlite3.Connection], int]:
    return lambda _: answer


def add_note(file: Path, text: str = "x") -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        with transaction(connection, file):
            connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))

    return work


def count_notes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])


def assert_threads_end(before: list[threading.Thread]) -> None:
    """Wait for the threads of closed connections, which end on their own."""
    for thread in threading.enumerate():
        if thread not in before:
            thread.join(5)
            assert not thread.is_alive()


def test_the_internals_of_aiosqlite_that_the_connection_uses_are_there() -> None:
    source = inspect.getsource(aiosqlite.core._connection_worker_thread)
    assert "future, function = tx.get()" in source
    assert "if future:" in source, "work without a future must be run, too"
    assert "self._tx.put_nowait((future" in inspect.getsource(aiosqlite.Connection.stop)
    assert isinstance(inspect.getattr_static(aiosqlite.Connection, "_conn"), property)
    assert "self._thread = Thread(" in inspect.getsource(aiosqlite.Connection.__init__)
    assert issubclass(Connection, aiosqlite.Connection)


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1)])
async def test_the_settings_of_writer_and_reader_are_in_force(
    file: Path, schema: Schema, synchronous: Synchronous, level: int
) -> None:
    database = await Database.open(file, schema, synchronous, readers=1)
    shared = {"foreign_keys": 1, "trusted_schema": 0, "cell_size_check": 1, "mmap_size": 0, "journal_mode": "wal"}
    for name, value in {**shared, "synchronous": level, "journal_size_limit": 64 * 1024 * 1024}.items():
        assert await database.write(pragma(name)) == value, name
    for name, value in {**shared, "query_only": 1}.items():
        assert await database.read(pragma(name)) == value, name
    assert await database.write(pragma("busy_timeout")) == 5000
    await database.close()


def test_a_setting_that_sqlite_does_not_take_is_an_error(file: Path) -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(StorageFailed, match="reads back as 'memory'"):
        apply_settings(connection, file, {"journal_mode": "wal"})
    connection.close()


async def test_a_new_file_gets_the_schema_and_says_whose_it_is(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    assert await database.read(pragma("user_version")) == 1
    assert await database.read(pragma("application_id")) == schema.application_id
    assert await database.read(count_notes) == 0
    await database.close()


async def test_an_older_file_is_brought_forward_and_keeps_its_rows(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    await database.write(add_note(file))
    await database.close()
    schema.migration(2).write_text("ALTER TABLE notes ADD COLUMN colour TEXT;")
    schema.migration(3).write_text("UPDATE notes SET colour = 'red';")
    database = await Database.open(file, schema, "FULL", readers=1)
    assert await database.read(pragma("user_version")) == 3
    assert await database.read(lambda c: c.execute("SELECT text, colour FROM notes").fetchall()) == [("x", "red")]
    await database.close()


async def test_a_migration_that_fails_leaves_the_version_before_it(file: Path, schema: Schema) -> None:
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    schema.migration(2).write_text("ALTER TABLE notes ADD COLUMN colour TEXT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StorageFailed, match="nowhere"):
        await Database.open(file, schema, "FULL", readers=1)
    schema.migration(2).unlink()
    database = await Database.open(file, schema, "FULL", readers=1)
    columns = await database.read(lambda c: [row[1] for row in c.execute("PRAGMA table_info(notes)")])
    assert columns == ["id", "text"]
    await database.close()


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_of_a_newer_version_is_refused(file: Path, schema: Schema, read_only: bool) -> None:
    schema.migration(2).write_text("ALTER TABLE notes ADD COLUMN colour TEXT;")
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    schema.migration(2).unlink()
    opening = (
        Database.open_read_only(file, schema, readers=1)
        if read_only
        else Database.open(file, schema, "FULL", readers=1)
    )
    with pytest.raises(SchemaTooNew) as refused:
        await opening
    assert (refused.value.found, refused.value.known) == (2, 1)


async def test_a_database_of_another_kind_is_refused(file: Path, schema: Schema) -> None:
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    with pytest.raises(Corruption, match="it is no write database"):
        await Database.open(file, WRITE_DB, "FULL", readers=1)


async def test_a_database_of_somebody_else_is_refused_and_left_alone(file: Path, schema: Schema) -> None:
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(Corruption, match="it is no notebook"):
        await Database.open(file, schema, "FULL", readers=1)
    other = sqlite3.connect(file)
    assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("mine",)]
    other.close()


async def test_a_file_that_is_no_database_is_corruption_with_a_way_out(file: Path, schema: Schema) -> None:
    file.write_bytes(b"not a database at all, whatever the name says" * 100)
    with pytest.raises(Corruption, match="Buy another one"):
        await Database.open(file, schema, "FULL", readers=1)


async def test_a_damaged_first_page_is_corruption(file: Path, schema: Schema) -> None:
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    content = bytearray(file.read_bytes())
    content[100:140] = b"\xff" * 40
    file.write_bytes(content)
    with pytest.raises(Corruption):
        await Database.open(file, schema, "FULL", readers=1)


async def test_no_thread_and_no_descriptor_stays_behind_where_opening_fails(file: Path, schema: Schema) -> None:
    file.write_bytes(b"not a database at all" * 100)
    before = threading.enumerate()
    for _ in range(3):
        with pytest.raises(Corruption):
            await Database.open(file, schema, "FULL", readers=3)
    assert_threads_end(before)
    assert str(file) not in {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()}


async def test_a_folder_that_is_missing_is_a_failed_open(tmp_path: Path, schema: Schema) -> None:
    before = threading.enumerate()
    with pytest.raises(StorageFailed, match="CANTOPEN"):
        await Database.open(tmp_path / "missing" / "notes.db", schema, "FULL", readers=1)
    assert_threads_end(before)


async def test_reading_a_file_that_is_missing_says_so_and_makes_none(file: Path, schema: Schema) -> None:
    with pytest.raises(NoSuchStore):
        await Database.open_read_only(file, schema, readers=1)
    assert not file.exists()


async def test_a_full_disk_keeps_nothing_and_the_next_write_after_it_goes_through(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    pages = await database.write(pragma("page_count"))
    await database.write(pragma(f"max_page_count = {pages}"))
    with pytest.raises(DiskFull) as full:
        await database.write(add_note(file, "x" * 100_000))
    assert full.value.file == file
    assert await database.read(count_notes) == 0
    await database.write(pragma("max_page_count = 1000000"))
    await database.write(add_note(file, "x" * 100_000))
    assert await database.read(count_notes) == 1
    await database.close()


async def test_once_damage_was_met_neither_writes_nor_reads_are_taken(file: Path, schema: Schema) -> None:
    """Pages are damaged under the open database: what SQLite finds there is told, and again, and nothing else."""
    database = await Database.open(file, schema, "FULL", readers=1)
    for _ in range(50):
        await database.write(add_note(file, "x" * 2000))
    await database.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    database = await Database.open(file, schema, "FULL", readers=1)
    with pytest.raises(Corruption, match=r"it is damaged: .*verify` shows the extent. Buy another one") as first:
        await database.write(add_note(file))
    with pytest.raises(Corruption) as later:
        await database.write(add_note(file))
    assert later.value is first.value
    with pytest.raises(Corruption) as later:
        await database.read(pragma("user_version"))
    assert later.value is first.value
    await database.close()


async def test_a_writer_beside_another_process_is_told_that_it_is_locked(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    await database.write(pragma("busy_timeout = 1"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Locked):
        await database.write(add_note(file))
    other.execute("ROLLBACK")
    other.close()
    await database.write(add_note(file))
    assert await database.read(count_notes) == 1
    await database.close()


async def test_a_reader_cannot_write(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    await database.write(add_note(file))
    for sql in ("DELETE FROM notes", "PRAGMA query_only = 0; DELETE FROM notes"):
        with pytest.raises(StorageFailed, match="readonly"):
            await database.read(script(sql))
        database._failure = None
    assert await database.read(count_notes) == 1
    await database.close()


async def test_a_closed_database_says_so(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=2)
    await database.close()
    await database.close()
    with pytest.raises(StoreClosed):
        await database.read(count_notes)
    with pytest.raises(StoreClosed):
        await database.write(count_notes)


async def test_closing_leaves_one_file_and_no_thread(file: Path, schema: Schema) -> None:
    before = threading.enumerate()
    database = await Database.open(file, schema, "FULL", readers=3)
    await database.write(add_note(file))
    await database.close()
    assert_threads_end(before)
    assert [each.name for each in file.parent.glob("notes.db*")] == ["notes.db"]


async def test_closing_waits_for_what_is_under_way(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    may_go_on = threading.Event()
    started = anyio.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: sqlite3.Connection) -> str:
        loop.call_soon_threadsafe(started.set)
        may_go_on.wait(10)
        add_note(file)(connection)
        return "whole"

    async with anyio.create_task_group() as group:
        results: list[str] = []

        async def write() -> None:
            results.append(await database.write(slow))

        group.start_soon(write)
        await started.wait()
        group.start_soon(database.close)
        await anyio.lowlevel.checkpoint()
        may_go_on.set()
    assert results == ["whole"]


async def test_a_database_that_was_never_closed_does_not_hold_up_the_end_of_the_process(file: Path) -> None:
    program = (
        "import anyio, sys; from pathlib import Path; from twofold.stores.sqlite.event_store import SqliteEventStore\n"
        "async def main():\n    global store\n    store = await SqliteEventStore.open(Path(sys.argv[1]))\n"
        "anyio.run(main)"
    )
    with anyio.fail_after(20):
        ended = await anyio.run_process([sys.executable, "-c", program, str(file)], check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize("native", [False, True])
async def test_a_cancelled_caller_waits_until_its_work_has_ended(file: Path, schema: Schema, native: bool) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    started, may_go_on = anyio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    ended: list[str] = []

    def slow(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(started.set)
        may_go_on.wait(10)
        add_note(file)(connection)
        ended.append("work")

    scope = anyio.CancelScope()

    async def write() -> None:
        with scope:
            try:
                await database.write(slow)
            finally:
                ended.append("caller")

    task = asyncio.create_task(write())
    await started.wait()
    for _ in range(3):
        if native:
            task.cancel()
        else:
            scope.cancel()
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
    assert not task.done()
    may_go_on.set()
    await asyncio.wait([task])
    assert ended == ["work", "caller"]
    assert task.cancelled() is native
    assert await database.read(count_notes) == 1
    await database.close()


async def test_work_that_was_cancelled_before_it_began_is_not_done(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    started, may_go_on = anyio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(started.set)
        may_go_on.wait(10)

    first = asyncio.create_task(database.write(slow))
    await started.wait()
    second = asyncio.create_task(database.write(add_note(file)))
    await anyio.lowlevel.checkpoint()
    second.cancel()
    may_go_on.set()
    await asyncio.wait([first, second])
    assert second.cancelled()
    assert await database.read(count_notes) == 0
    await database.close()


async def test_a_long_read_does_not_hold_up_a_short_one(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=2)
    may_go_on = threading.Event()
    long = asyncio.create_task(database.read(lambda _: may_go_on.wait(10)))
    with anyio.fail_after(5):
        for _ in range(5):
            assert await database.read(count_notes) == 0
    assert not long.done()
    may_go_on.set()
    assert await long
    await database.close()


async def test_many_reads_at_once_are_all_answered(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=3)
    answers = await asyncio.gather(*(database.read(answering(n)) for n in range(1000)))
    assert answers == list(range(1000))
    await database.close()


WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO notes (text) VALUES ('by a process that is killed')")
print("written", flush=True)
sys.stdin.read()
"""


async def test_a_file_is_read_beside_a_live_writer_and_after_that_was_killed(file: Path, schema: Schema) -> None:
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on the loop meanwhile
        [sys.executable, "-c", WRITER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        beside = await Database.open_read_only(file, schema, readers=1)
        assert await beside.read(count_notes) == 1
        await beside.close()
        process.kill()
    assert file.with_name("notes.db-wal").stat().st_size > 0
    after = await Database.open_read_only(file, schema, readers=1)
    assert await after.read(count_notes) == 1
    await after.close()
    assert file.with_name("notes.db-wal").stat().st_size > 0, "a reader neither checkpoints nor deletes"
    database = await Database.open(file, schema, "FULL", readers=1)
    assert await database.read(count_notes) == 1
    await database.close()


async def test_a_file_is_read_after_a_clean_end_and_refuses_to_be_written(file: Path, schema: Schema) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    await database.write(add_note(file))
    await database.close()
    reading = await Database.open_read_only(file, schema, readers=2)
    assert await reading.read(count_notes) == 1
    with pytest.raises(ReadOnly):
        await reading.write(add_note(file))
    await reading.close()


async def test_a_wal_without_its_shm_is_read(file: Path, schema: Schema, tmp_path: Path) -> None:
    database = await Database.open(file, schema, "FULL", readers=1)
    await database.write(add_note(file))
    copies = tmp_path / "copies"
    copies.mkdir()
    for part in ("", "-wal"):
        shutil.copyfile(f"{file}{part}", copies / f"notes.db{part}")
    await database.close()
    copy = await Database.open_read_only(copies / "notes.db", schema, readers=1)
    assert await copy.read(count_notes) == 1
    await copy.close()


async def test_a_new_file_is_named_durably_in_its_folder(
    file: Path, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    before = threading.enumerate()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageFailed) as failed:
        await Database.open(file, schema, "FULL", readers=1)
    assert failed.value.file == file.parent
    assert_threads_end(before)


async def test_what_a_killed_process_left_is_written_and_dropped_from_the_cache_before_it_is_read(
    file: Path, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    file.with_name("notes.db-wal").touch()
    calls: list[tuple[str, str]] = []
    advise, sync = os.posix_fadvise, os.fdatasync

    def name_of(descriptor: int) -> str:
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    def record_advice(descriptor: int, offset: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        calls.append(("drop", name_of(descriptor)))
        advise(descriptor, offset, length, advice)

    def record_sync(descriptor: int) -> None:
        calls.append(("sync", name_of(descriptor)))
        sync(descriptor)

    monkeypatch.setattr(os, "posix_fadvise", record_advice)
    monkeypatch.setattr(os, "fdatasync", record_sync)
    await (await Database.open(file, schema, "FULL", readers=1)).close()
    assert calls == [(act, name) for name in ("notes.db", "notes.db-wal") for act in ("sync", "drop")]
    calls.clear()
    await (await Database.open_read_only(file, schema, readers=1)).close()
    assert calls == [], "beside a live writer of this process this would drop that one's locks"


def test_the_shipped_migrations_are_numbered_from_1(tmp_path: Path) -> None:
    assert WRITE_DB.version() >= 1
    assert replace(WRITE_DB, folder=tmp_path).version() == 0
