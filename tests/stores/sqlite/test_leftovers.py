"""A database is read beside the process that writes it, and with what a killed or an orderly one has left."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from twofold.stores.errors import ReadOnly
from twofold.stores.sqlite.database import Database
from twofold.stores.sqlite.migrations import Schema

from tests.doubles.notebook import add_note, count_notes

pytestmark = pytest.mark.anyio

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
