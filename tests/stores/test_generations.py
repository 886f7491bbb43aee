"""The files of generations: which are there, which serves, and what a start makes of what an end has left."""

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from twofold.stores.errors import Locked, NoPreviousGeneration, ReadOnly
from twofold.stores.protocols import ReadDb
from twofold.stores.records import ProjectionSchema, Statement
from twofold.stores.sqlite.read_store import SqliteReadStore

from tests.doubles.waiting import until

pytestmark = pytest.mark.anyio

ORDERS = ProjectionSchema("orders", 1, "CREATE TABLE orders (id TEXT PRIMARY KEY)")
CHANGED = ProjectionSchema("orders", 2, ORDERS.schema)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "read"


async def opened(folder: Path, schema: ProjectionSchema = ORDERS) -> SqliteReadStore:
    return await SqliteReadStore.open(folder, [schema])


async def filled(folder: Path) -> SqliteReadStore:
    """Return a store at position 1 that has been filled."""
    store = await opened(folder)
    await store.apply([Statement("INSERT INTO orders VALUES ('a')", ())], expected=0, position=1)
    await store.mark_filled()
    return store


async def rebuild(store: SqliteReadStore, position: int) -> None:
    async with store.new_generation() as generation:
        await generation.apply([], expected=0, position=position)
        await store.serve(generation)


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_the_one_that_served_is_kept_closed_and_older_ones_are_deleted(folder: Path) -> None:
    store = await filled(folder)
    for position in (1, 2, 3):
        await rebuild(store, position)
    assert files(folder) == [
        "current",
        "generation-000003.db",
        "generation-000004.db",
        "generation-000004.db-shm",
        "generation-000004.db-wal",
    ]
    await store.close()
    assert (folder / "current").read_text() == "generation-000004.db\ngeneration-000003.db\n"
    again = await opened(folder)
    assert await again.position() == 3
    await again.close()


async def test_a_generation_is_whole_in_its_file_before_the_pointer_names_it(folder: Path) -> None:
    store = await filled(folder)
    await rebuild(store, 7)
    assert (folder / "generation-000002.db-wal").stat().st_size == 0
    with closing(sqlite3.connect(f"file:{store.file}?immutable=1", uri=True)) as reader:
        assert reader.execute("SELECT position FROM twofold_cursor").fetchall() == [(7,)]
    await store.close()


async def test_a_stranger_who_reads_the_new_file_ends_the_rebuild_and_the_old_one_serves(folder: Path) -> None:
    store = await filled(folder)
    async with store.new_generation() as generation:
        await generation.apply([], expected=0, position=1)
        with closing(sqlite3.connect(folder / "generation-000002.db")) as stranger:
            stranger.execute("PRAGMA busy_timeout = 0")
            stranger.execute("BEGIN")
            stranger.execute("SELECT position FROM twofold_cursor").fetchall()
            await generation.apply([], expected=1, position=2)
            with pytest.raises(Locked):
                await store.serve(generation)
    assert store.file.name == "generation-000001.db"
    await store.close()


async def test_a_query_of_the_old_one_ends_there_and_only_then_is_it_closed(folder: Path) -> None:
    store = await filled(folder)
    begun: list[bool] = []
    answers: list[object] = []

    async def ask(db: ReadDb) -> object:
        begun.append(True)
        steps = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000) SELECT max(i) FROM n"
        await db.value(steps)
        return await db.value("SELECT id FROM orders")

    async def slow() -> None:
        answers.append(await store.query(ask))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow)
        await until(lambda: begun)
        await rebuild(store, 1)
        assert answers == []
        assert "generation-000001.db-shm" in files(folder), "it is open for as long as the query runs"
        async with store.previous_generation() as previous:  # which waits for the query
            assert answers == [("a", 1)]
            assert await previous.position() == 1
    assert "generation-000001.db-shm" not in files(folder)
    await store.close()


async def test_what_a_killed_rebuild_has_left_is_deleted_at_the_next_start(folder: Path) -> None:
    store = await filled(folder)
    await rebuild(store, 1)
    await store.close()
    for name in ("generation-000003.db", "generation-000003.db-wal", "generation-000003.db-shm"):
        (folder / name).write_bytes(b"half a generation")
    (folder / "current.new").write_text("generation-00")
    again = await opened(folder)
    assert again.file.name == "generation-000002.db"
    await again.close()
    assert [name for name in files(folder) if name.endswith("db")] == ["generation-000001.db", "generation-000002.db"]


async def test_a_filling_that_did_not_end_goes_on_at_the_next_start(folder: Path) -> None:
    await (await filled(folder)).close()
    store = await opened(folder, CHANGED)
    assert not store.is_filled
    await store.apply([], expected=0, position=5)
    await store.close()
    store = await opened(folder, CHANGED)
    assert (store.is_filled, await store.position()) == (False, 5)
    await store.mark_filled()
    await store.close()
    store = await opened(folder, CHANGED)
    assert store.is_filled
    await store.close()


async def test_the_way_back_is_closed_to_other_projections(folder: Path) -> None:
    await (await filled(folder)).close()
    store = await opened(folder, CHANGED)
    await store.mark_filled()
    with pytest.raises(NoPreviousGeneration, match="built by other projections"):
        async with store.previous_generation():
            pass
    assert "generation-000001.db" in files(folder)
    await store.close()


async def test_the_way_back_is_closed_to_a_damaged_file(folder: Path) -> None:
    store = await filled(folder)
    await rebuild(store, 1)
    (folder / "generation-000001.db").write_bytes(b"nothing that SQLite knows" * 1000)
    with pytest.raises(NoPreviousGeneration):
        async with store.previous_generation():
            pass
    assert await store.position() == 1
    await store.close()


async def test_projections_that_were_taken_back_find_their_generation_again(folder: Path) -> None:
    await (await filled(folder)).close()
    await (await opened(folder, CHANGED)).close()
    store = await opened(folder, ORDERS)
    assert (store.file.name, await store.position()) == ("generation-000001.db", 1)
    assert not store.is_filled, "what was made since is not in it yet"
    await store.close()


async def test_a_tool_that_reads_can_rebuild_nothing(folder: Path) -> None:
    await (await filled(folder)).close()
    tool = await SqliteReadStore.open_read_only(folder)
    for other in (tool.new_generation, tool.previous_generation):
        with pytest.raises(ReadOnly):
            async with other():
                pass
    await tool.close()
