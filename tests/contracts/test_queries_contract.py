"""How every read store answers queries, asked of the one on files and of the one in memory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date

import anyio
import pytest
from twofold.stores.errors import ForeignAwait, QueryTimeout, StatementFailed
from twofold.stores.protocols import ReadDb, ReadStore
from twofold.stores.records import Statement

from tests.doubles.order_table import ALL_ORDERS, INSERT, QUERY_TIMEOUT, asking

pytestmark = pytest.mark.anyio

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


async def test_a_query_asks_for_rows_one_row_or_one_value(read_store: ReadStore) -> None:
    await read_store.apply([Statement(INSERT, ("a", 1)), Statement(INSERT, ("b", 2))], expected=0, position=1)

    async def ask(db: ReadDb) -> object:
        return (
            await db.rows("SELECT id FROM orders WHERE total > ?", 0),
            await db.row("SELECT id, total FROM orders WHERE id = ?", "b"),
            await db.row("SELECT id FROM orders WHERE id = ?", "c"),
            await db.value("SELECT sum(total) FROM orders"),
            await db.value("SELECT id FROM orders WHERE id = ?", "c"),
        )

    assert (await read_store.query(ask)).value == ([("a",), ("b",)], ("b", 2), None, 3, None)


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
async def test_a_query_cannot_write_and_says_what_was_refused(read_store: ReadStore, sql: str) -> None:
    await read_store.apply([Statement(INSERT, ("a", 1))], expected=0, position=1)
    with pytest.raises(StatementFailed) as failed:
        await read_store.query(asking(sql))
    assert failed.value.sql == sql
    assert await read_store.query(ALL_ORDERS) == ([("a", 1)], 1)
    await read_store.apply([], expected=1, position=2)


async def test_a_query_asks_with_no_parameter_that_sqlite_does_not_know(read_store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        return await db.rows("SELECT id FROM orders WHERE id < ? OR total = ?", "b", date(2011, 5, 31))  # type: ignore[arg-type]

    with pytest.raises(StatementFailed, match=r"parameter 2 is a date, and .* Give its \.isoformat\(\)"):
        await read_store.query(ask)


async def test_a_query_sees_all_that_was_applied_before_it_was_asked(read_store: ReadStore) -> None:
    """However many ask together, and while the writer goes on."""
    batches = 100
    applied = 0

    async def write() -> None:
        nonlocal applied
        for n in range(batches):
            await read_store.apply([Statement(INSERT, (f"o{n}", n))], expected=n, position=n + 1)
            applied = n + 1

    async def read() -> None:
        while applied < batches:
            before = applied
            assert (await read_store.query(ALL_ORDERS)).position >= before

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            for _ in range(20):
                group.start_soon(read)


async def test_all_of_a_query_sees_one_snapshot(read_store: ReadStore) -> None:
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
            await read_store.apply([Statement(INSERT, (f"o{n}", n))], expected=n, position=n + 1)
        done.set()

    async def read() -> None:
        while not done.is_set():
            value, position = await read_store.query(ask)
            assert value == (position, position)
            seen.append(position)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        for _ in range(3):
            group.start_soon(read)
    assert len(set(seen)) > 1


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(1)])
async def test_a_query_that_awaits_something_else_is_told_so(
    read_store: ReadStore, wait: Callable[[], Awaitable[object]]
) -> None:
    closed = []

    async def ask(db: ReadDb) -> object:
        try:
            await wait()
        finally:
            closed.append(True)
        return None

    with pytest.raises(ForeignAwait, match="await nothing there but its ReadDb") as failed:
        await read_store.query(ask)
    assert "ask" in failed.value.query
    assert closed == [True]
    assert (await read_store.query(ALL_ORDERS)).value == []


async def test_a_query_that_runs_too_long_is_stopped_and_the_next_one_runs(read_store: ReadStore) -> None:
    with pytest.raises(QueryTimeout) as late:
        await read_store.query(asking(ENDLESS))
    assert late.value.seconds == QUERY_TIMEOUT
    for _ in range(8):
        assert (await read_store.query(ALL_ORDERS)).value == []


async def test_many_short_statements_are_one_query_with_one_time_limit(read_store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        while True:
            await db.value("SELECT count(*) FROM orders")

    with pytest.raises(QueryTimeout):
        await read_store.query(ask)


async def test_a_query_whose_own_code_took_the_time_reads_no_more(read_store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        time.sleep(QUERY_TIMEOUT)  # noqa: ASYNC251 - on its database thread, where it holds its snapshot
        return await db.value("SELECT 1")

    with pytest.raises(QueryTimeout):
        await read_store.query(ask)


async def test_an_exception_of_the_query_is_the_callers_and_the_next_one_runs(read_store: ReadStore) -> None:
    async def ask(db: ReadDb) -> object:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read_store.query(ask)
    assert (await read_store.query(ALL_ORDERS)).value == []


async def test_a_cancelled_query_leaves_its_connection_fit_for_the_next(read_store: ReadStore) -> None:
    for _ in range(8):
        with anyio.move_on_after(0.01), suppress(QueryTimeout):
            await read_store.query(asking(ENDLESS))
        assert (await read_store.query(ALL_ORDERS)).value == []
