"""Opening a file: a new one gets its schema, an older one is brought on, and any other is refused and left alone."""

import errno
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from twofold.stores.errors import Corruption, NoSuchStore, SchemaTooNew, StorageFailed
from twofold.stores.sqlite.database import Database
from twofold.stores.sqlite.migrations import WRITE_DB, Schema

from tests.doubles.notebook import add_note, assert_threads_end, count_notes, pragma

pytestmark = pytest.mark.anyio


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


def test_the_shipped_migrations_are_numbered_from_1(tmp_path: Path) -> None:
    assert WRITE_DB.version() >= 1
    assert replace(WRITE_DB, folder=tmp_path).version() == 0
