"""An open database: its settings, its errors, and its readers beside its writer."""

import asyncio
import inspect
import sqlite3
import threading
from pathlib import Path

import aiosqlite
import anyio
import pytest
from twofold.stores.errors import Corruption, DiskFull, Locked, StorageFailed
from twofold.stores.sqlite.connection import Connection
from twofold.stores.sqlite.database import Database
from twofold.stores.sqlite.migrations import Schema
from twofold.stores.sqlite.settings import Synchronous, apply_settings

from tests.doubles.notebook import add_note, answering, count_notes, pragma, script

pytestmark = pytest.mark.anyio


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
