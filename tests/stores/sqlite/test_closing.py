"""Closing a database, and leaving a call of it: work that has begun is waited for, and nothing stays behind."""

import asyncio
import sqlite3
import sys
import threading
from pathlib import Path

import anyio
import pytest
from twofold.stores.errors import StoreClosed
from twofold.stores.sqlite.database import Database
from twofold.stores.sqlite.migrations import Schema

from tests.doubles.notebook import add_note, assert_threads_end, count_notes

pytestmark = pytest.mark.anyio


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
