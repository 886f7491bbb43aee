"""What every read store does, asked of the one on files and of the one in memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import anyio
import pytest
from twofold.stores.errors import ForeignAwait, QueryTimeout, StatementFailed, StoreClosed, WrongCursor
from twofold.stores.memory import MemoryReadStore
from twofold.stores.protocols import ReadDb, ReadStore
from twofold.stores.records import ProjectionSchema, Statement
from twofold.stores.sqlite.read_store import SqliteReadStore

pytestmark = pytest.mark.anyio

QUERY_TIMEOUT = 0.3
ORDERS = ProjectionSchema(
    "orders",
    1,
    "CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL); CREATE INDEX total ON orders(total)",
)
INSERT = "INSERT INTO orders VALUES (?, ?)"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReadStore]:
    opened: ReadStore = (
        await SqliteReadStore.open(tmp_path / "read", [ORDERS], query_timeout=QUERY_TIMEOUT)
        if request.param == "sqlite"
        else await MemoryReadStore.in_memory([ORDERS], query_timeout=QUERY_TIMEOUT)
    )
    yield opened
    await opened.close()


def asking(sql: str, *parameters: str | int) -> Callable[[ReadDb], Awaitable[object]]:
    async def ask(db: ReadDb) -> object:
        return await db.rows(sql, *parameters)

    return ask


ALL_ORDERS = asking("SELECT id, total FROM orders ORDER BY id")


async def test_a_new_store_is_empty_at_position_0(store: ReadStore) -> None:
    assert await store.position() == 0
    assert await store.query(ALL_ORDERS) == ([], 0)


async def test_statements_and_the_position_move_together(store: ReadStore) -> None:
    statements = [Statement(INSERT, ("a", 1)), Statement(INSERT, ("b", 2))]
    await store.apply(statements, expected=0, position=2)
    assert await store.position() == 2
    assert await store.query(ALL_ORDERS) == ([("a", 1), ("b", 2)], 2)


async def test_statements_run_in_their_order(store: ReadStore) -> None:
    add = "UPDATE orders SET total = total * 10 + ? WHERE id = ?"
    statements = [
        Statement(INSERT, ("a", 1)),
        Statement(add, (2, "a")),
        Statement(add, (3, "a")),
        Statement("DELETE FROM orders WHERE id = ?", ("b",)),
        Statement(INSERT, ("b", 7)),
        Statement(add, (4, "a")),
    ]
    await store.apply(statements, expected=0, position=1)
    assert (await store.query(ALL_ORDERS)).value == [("a", 1234), ("b", 7)]


async def test_a_statement_may_begin_with_a_table_expression(store: ReadStore) -> None:
    insert = "WITH given(id, total) AS (VALUES (?, ?)) INSERT INTO orders SELECT id, total FROM given"
    await store.apply([Statement(insert, ("a", 1)), Statement(insert, ("b", 2))], expected=0, position=1)
    assert (await store.query(ALL_ORDERS)).value == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("comment", ["-- of the orders\n", "/* of\nthe orders */ ", "\n--\n  /**/--x\n", "-- a /*\n"])
async def test_a_statement_and_a_query_may_begin_with_comments(store: ReadStore, comment: str) -> None:
    insert = f"{comment}WITH given(id, total) AS (VALUES (?, ?)) INSERT INTO orders SELECT id, total FROM given"
    await store.apply([Statement(insert, ("a", 1)), Statement(comment + INSERT, ("b", 2))], expected=0, position=1)
    assert (await store.query(asking(f"{comment}SELECT id, total FROM orders"))).value == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("hidden", ["-- SELECT\nDROP TABLE orders", "/* INSERT */ COMMIT", "/* SELECT 1", ""])
async def test_a_comment_lets_nothing_else_through(store: ReadStore, hidden: str) -> None:
    with pytest.raises(StatementFailed, match="only changes rows"):
        await store.apply([Statement(hidden, ())], expected=0, position=1)
    with pytest.raises(StatementFailed, match="only reads"):
        await store.query(asking(hidden))


async def test_events_that_change_no_table_still_move_the_position(store: ReadStore) -> None:
    await store.apply([], expected=0, position=5)
    assert await store.position() == 5


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_position_that_moved_refuses_the_statements(store: ReadStore, expected: int) -> None:
    await store.apply([], expected=0, position=1)
    with pytest.raises(WrongCursor) as refused:
        await store.apply([Statement(INSERT, ("a", 1))], expected=expected, position=9)
    assert (refused.value.expected, refused.value.actual) == (expected, 1)
    assert await store.query(ALL_ORDERS) == ([], 1)


@pytest.mark.parametrize(
    "bad",
    [
        Statement("INSERT INTO nowhere VALUES (?)", (1,)),
        Statement(INSERT, ("a", 2)),
        Statement(INSERT, ("b", None)),
        Statement(INSERT, ("b", 2**63)),
        Statement(INSERT, ("\ud800", 1)),
        Statement("INSERT INTO orders VALUES ('b', 1); DELETE FROM orders", ()),
        Statement("COMMIT", ()),
        Statement("PRAGMA synchronous = 0", ()),
        Statement("ATTACH 'other.db' AS other", ()),
    ],
)
async def test_a_statement_that_fails_takes_its_whole_batch_with_it(store: ReadStore, bad: Statement) -> None:
    with pytest.raises(StatementFailed) as failed:
        await store.apply([Statement(INSERT, ("a", 1)), bad], expected=0, position=1)
    assert failed.value.sql == bad.sql
    assert await store.query(ALL_ORDERS) == ([], 0)
    await store.apply([Statement(INSERT, ("a", 1))], expected=0, position=1)
    assert await store.position() == 1


async def test_a_query_asks_for_rows_one_row_or_one_value(store: ReadStore) -> None:
    await store.apply([Statement(INSERT, ("a", 1)), Statement(INSERT, ("b", 2))], expected=0, position=1)

    async def ask(db: ReadDb) -> object:
        return (
            await db.rows("SELECT id FROM orders WHERE total > ?", 0),
            await db.row("SELECT id, total FROM orders WHERE id = ?", "b"),
            await db.row("SELECT id FROM orders WHERE id = ?", "c"),
            await db.value("SELECT sum(total) FROM orders"),
            await db.value("SELECT id FROM orders WHERE id = ?", "c"),
        )

    assert (await store.query(ask)).value == ([("a",), ("b",)], ("b", 2), None, 3, None)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders VALUES ('x', 1)",
        "WITH x AS (SELECT 1) INSERT INTO orders VALUES ('x', 1)",
        "WITH x AS (SELECT 1) UPDATE twofold_cursor SET position = 99",
        "DELETE FROM orders",
        "DROP TABLE orders",
        "PRAGMA query_only = 0",
        "COMMIT",
        "ATTACH 'other.db' AS other",
        "SELECT * FROM nowhere",
    ],
)
async def test_a_query_cannot_write_and_says_what_was_refused(store: ReadStore, sql: str) -> None:
    await store.apply([Statement(INSERT, ("a", 1))], expected=0, position=1)
    with pytest.raises(StatementFailed) as failed:
        await store.query(asking(sql))
    assert failed.value.sql == sql
    assert await store.query(ALL_ORDERS) == ([("a", 1)], 1)
    await store.apply([], expected=1, position=2)


async def test_a_query_asks_with_no_parameter_that_sqlite_does_not_know(store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        return await db.rows("SELECT id FROM orders WHERE id < ? OR total = ?", "b", date(2011, 5, 31))  # type: ignore[arg-type]

    with pytest.raises(StatementFailed, match=r"parameter 2 is a date, and .* Give its \.isoformat\(\)"):
        await store.query(ask)


async def test_a_query_sees_all_that_was_applied_before_it_was_asked(store: ReadStore) -> None:
    """However many ask together, and while the writer goes on."""
    batches = 100
    applied = 0

    async def write() -> None:
        nonlocal applied
        for n in range(batches):
            await store.apply([Statement(INSERT, (f"o{n}", n))], expected=n, position=n + 1)
            applied = n + 1

    async def read() -> None:
        while applied < batches:
            before = applied
            assert (await store.query(ALL_ORDERS)).position >= before

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            for _ in range(20):
                group.start_soon(read)


async def test_all_of_a_query_sees_one_snapshot(store: ReadStore) -> None:
    """Each batch adds one order, so rows and position agree in every snapshot, however the writer runs beside it."""
    batches = 100
    done = anyio.Event()
    seen: list[int] = []

    async def ask(db: ReadDb) -> object:
        first = await db.value("SELECT count(*) FROM orders")
        time.sleep(0.001)  # noqa: ASYNC251 - holds the snapshot on its thread while the writer commits
        return first, await db.value("SELECT count(*) FROM orders")

    async def write() -> None:
        for n in range(batches):
            await store.apply([Statement(INSERT, (f"o{n}", n))], expected=n, position=n + 1)
        done.set()

    async def read() -> None:
        while not done.is_set():
            value, position = await store.query(ask)
            assert value == (position, position)
            seen.append(position)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        for _ in range(3):
            group.start_soon(read)
    assert len(set(seen)) > 1


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(1)])
async def test_a_query_that_awaits_something_else_is_told_so(
    store: ReadStore, wait: Callable[[], Awaitable[object]]
) -> None:
    closed = []

    async def ask(db: ReadDb) -> object:
        try:
            await wait()
        finally:
            closed.append(True)
        return None

    with pytest.raises(ForeignAwait, match="await nothing there but its ReadDb") as failed:
        await store.query(ask)
    assert "ask" in failed.value.query
    assert closed == [True]
    assert (await store.query(ALL_ORDERS)).value == []


async def test_a_query_that_runs_too_long_is_stopped_and_the_next_one_runs(store: ReadStore) -> None:
    with pytest.raises(QueryTimeout) as late:
        await store.query(asking(ENDLESS))
    assert late.value.seconds == QUERY_TIMEOUT
    for _ in range(8):
        assert (await store.query(ALL_ORDERS)).value == []


async def test_many_short_statements_are_one_query_with_one_time_limit(store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        while True:
            await db.value("SELECT count(*) FROM orders")

    with pytest.raises(QueryTimeout):
        await store.query(ask)


async def test_a_query_whose_own_code_took_the_time_reads_no_more(store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        time.sleep(QUERY_TIMEOUT)  # noqa: ASYNC251 - on its database thread, where it holds its snapshot
        return await db.value("SELECT 1")

    with pytest.raises(QueryTimeout):
        await store.query(ask)


async def test_an_exception_of_the_query_is_the_callers_and_the_next_one_runs(store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.query(ask)
    assert (await store.query(ALL_ORDERS)).value == []


async def test_a_cancelled_query_leaves_its_connection_fit_for_the_next(store: ReadStore) -> None:
    for _ in range(8):
        with anyio.move_on_after(0.01), suppress(QueryTimeout):
            await store.query(asking(ENDLESS))
        assert (await store.query(ALL_ORDERS)).value == []


async def test_a_closed_store_says_so_and_closes_twice(store: ReadStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.position()
    with pytest.raises(StoreClosed):
        await store.query(ALL_ORDERS)
