"""The generations of the read database, and the pointer to the one that serves."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs
from twofold.stores.errors import Corruption, NoSuchStore, ReadOnly, SchemaTooNew, StatementFailed, StorageFailed
from twofold.stores.protocols import ReadDb
from twofold.stores.records import ProjectionSchema, Statement
from twofold.stores.sqlite.migrations import READ_DB
from twofold.stores.sqlite.read_store import SqliteReadStore

pytestmark = pytest.mark.anyio

ORDERS = ProjectionSchema("orders", 1, "CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER)")
TOTALS = ProjectionSchema("totals", 1, "CREATE TABLE totals (country TEXT PRIMARY KEY, total INTEGER)")
INSERT = "INSERT INTO orders VALUES (?, ?)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "read"


def asking(sql: str) -> Callable[[ReadDb], Awaitable[object]]:
    async def ask(db: ReadDb) -> object:
        return await db.rows(sql)

    return ask


ALL_ORDERS = asking("SELECT * FROM orders")


async def filled(folder: Path, *projections: ProjectionSchema) -> SqliteReadStore:
    """Return a store at position 1 with one order."""
    store = await SqliteReadStore.open(folder, projections or [ORDERS])
    await store.apply([Statement(INSERT, ("a", 1))], expected=0, position=1)
    await store.mark_filled()
    return store


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_what_was_applied_is_there_after_closing_and_opening(folder: Path) -> None:
    await (await filled(folder)).close()
    store = await SqliteReadStore.open(folder, [ORDERS])
    assert await store.query(ALL_ORDERS) == ([("a", 1)], 1)
    await store.close()
    assert files(folder) == ["current", "generation-000001.db"]
    assert (folder / "current").read_text() == "generation-000001.db\n"


@pytest.mark.parametrize(
    "changed",
    [
        [ProjectionSchema("orders", 2, ORDERS.schema)],
        [ProjectionSchema("orders", 1, ORDERS.schema + "; CREATE INDEX total ON orders (total)")],
        [ORDERS, TOTALS],
    ],
)
async def test_other_projections_begin_a_new_generation_at_position_0(
    folder: Path, changed: list[ProjectionSchema]
) -> None:
    await (await filled(folder)).close()
    with capture_logs() as logs:
        store = await SqliteReadStore.open(folder, changed)
    assert await store.query(ALL_ORDERS) == ([], 0)
    await store.close()
    assert files(folder) == ["current", "generation-000001.db", "generation-000002.db"]
    assert (folder / "current").read_text() == "generation-000002.db filling\ngeneration-000001.db\n"
    assert [(entry["log_level"], "other projections" in entry["reason"]) for entry in logs] == [("warning", True)]


async def test_the_order_of_registration_makes_no_other_generation(folder: Path) -> None:
    await (await filled(folder, ORDERS, TOTALS)).close()
    store = await SqliteReadStore.open(folder, [TOTALS, ORDERS])
    assert await store.position() == 1
    await store.close()


async def test_only_the_generation_that_served_last_is_kept_beside_the_new_one(folder: Path) -> None:
    for version in range(1, 5):
        store = await SqliteReadStore.open(folder, [ProjectionSchema("orders", version, ORDERS.schema)])
        await store.mark_filled()
        await store.close()
    assert files(folder) == ["current", "generation-000003.db", "generation-000004.db"]


async def test_a_file_that_is_no_database_is_replaced_by_a_new_generation(folder: Path) -> None:
    await (await filled(folder)).close()
    (folder / "generation-000001.db").write_bytes(b"nothing that SQLite knows" * 1000)
    store = await SqliteReadStore.open(folder, [ORDERS])
    assert store.file == folder / "generation-000002.db"
    assert await store.position() == 0
    await store.close()


async def test_a_generation_that_is_missing_is_replaced(folder: Path) -> None:
    await (await filled(folder)).close()
    (folder / "generation-000001.db").unlink()
    store = await SqliteReadStore.open(folder, [ORDERS])
    assert await store.position() == 0
    await store.close()


@pytest.mark.parametrize("content", ["", "../write.db\n", "generation-1.db\n", "\xff\xff"])
async def test_a_damaged_pointer_leads_to_a_new_generation_and_nowhere_else(folder: Path, content: str) -> None:
    await (await filled(folder)).close()
    (folder / "current").write_bytes(content.encode("latin-1"))
    store = await SqliteReadStore.open(folder, [ORDERS])
    assert store.file == folder / "generation-000002.db"
    await store.close()


async def damaged(folder: Path) -> None:
    store = await SqliteReadStore.open(folder, [ORDERS])
    rows = [Statement(INSERT, (f"o{n:06}", n)) for n in range(20_000)]
    await store.apply(rows, expected=0, position=1)
    await store.close()
    file = folder / "generation-000001.db"
    content = bytearray(file.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)


async def test_a_damaged_page_that_a_query_meets_fails_the_store_and_the_next_start_begins_anew(folder: Path) -> None:
    await damaged(folder)
    store = await SqliteReadStore.open(folder, [ORDERS])
    with pytest.raises(StorageFailed):
        await store.query(asking("SELECT sum(total) FROM orders"))
    with pytest.raises(StorageFailed):
        await store.position()
    await store.close()
    store = await SqliteReadStore.open(folder, [ORDERS])
    assert store.file == folder / "generation-000002.db"
    await store.close()


async def test_a_generation_of_a_newer_version_of_twofold_is_refused_and_kept(folder: Path) -> None:
    store = await filled(folder)
    newer = READ_DB.version() + 1
    await store._serving._database.write(lambda c: c.execute(f"PRAGMA user_version = {newer}").fetchall())
    await store.close()
    with pytest.raises(SchemaTooNew):
        await SqliteReadStore.open(folder, [ORDERS])
    assert files(folder) == ["current", "generation-000001.db"]


async def test_a_schema_that_sqlite_refuses_serves_nothing_and_the_old_generation_stays(folder: Path) -> None:
    await (await filled(folder)).close()
    bad = ProjectionSchema("orders", 2, "CREATE TABLE orders (id TEXT PRIMARY KEY; CREATE")
    with pytest.raises(StatementFailed) as refused:
        await SqliteReadStore.open(folder, [bad])
    assert refused.value.sql == bad.schema
    assert (folder / "current").read_text() == "generation-000001.db\n"
    store = await SqliteReadStore.open(folder, [ORDERS])
    assert await store.position() == 1
    await store.close()


async def test_a_tool_queries_beside_the_running_store_and_cannot_apply(folder: Path) -> None:
    store = await filled(folder)
    tool = await SqliteReadStore.open_read_only(folder)
    assert await tool.query(ALL_ORDERS) == ([("a", 1)], 1)
    await store.apply([Statement(INSERT, ("b", 2))], expected=1, position=2)
    assert (await tool.query(ALL_ORDERS)).position == 2
    with pytest.raises(ReadOnly):
        await tool.apply([], expected=2, position=3)
    await tool.close()
    await store.close()


async def test_a_tool_finds_no_store_where_none_served_yet(folder: Path) -> None:
    folder.mkdir()
    with pytest.raises(NoSuchStore):
        await SqliteReadStore.open_read_only(folder)
    assert files(folder) == []


async def test_a_tool_is_told_of_damage_and_replaces_nothing(folder: Path) -> None:
    await (await filled(folder)).close()
    (folder / "generation-000001.db").write_bytes(b"nothing that SQLite knows" * 1000)
    with pytest.raises(Corruption, match="filled anew from the events"):
        await SqliteReadStore.open_read_only(folder)
    assert files(folder) == ["current", "generation-000001.db"]


async def test_queries_that_were_answered_keep_no_checkpoint_waiting(folder: Path) -> None:
    store = await filled(folder)
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(store.query, ALL_ORDERS)
    await store.apply([], expected=1, position=2)
    with closing(sqlite3.connect(store.file)) as stranger:
        stranger.execute("PRAGMA busy_timeout = 10000")
        assert stranger.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    await store.close()
