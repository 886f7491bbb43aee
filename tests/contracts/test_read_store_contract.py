"""What every read store does with statements, asked of the one on files and of the one in memory."""

import pytest
from twofold.stores.errors import StatementFailed, StoreClosed, WrongCursor
from twofold.stores.protocols import ReadStore
from twofold.stores.records import Statement

from tests.doubles.order_table import ALL_ORDERS, INSERT, asking

pytestmark = pytest.mark.anyio


async def test_a_new_store_is_empty_at_position_0(read_store: ReadStore) -> None:
    assert await read_store.position() == 0
    assert await read_store.query(ALL_ORDERS) == ([], 0)


async def test_statements_and_the_position_move_together(read_store: ReadStore) -> None:
    statements = [Statement(INSERT, ("a", 1)), Statement(INSERT, ("b", 2))]
    await read_store.apply(statements, expected=0, position=2)
    assert await read_store.position() == 2
    assert await read_store.query(ALL_ORDERS) == ([("a", 1), ("b", 2)], 2)


async def test_statements_run_in_their_order(read_store: ReadStore) -> None:
    add = "UPDATE orders SET total = total * 10 + ? WHERE id = ?"
    statements = [
        Statement(INSERT, ("a", 1)),
        Statement(add, (2, "a")),
        Statement(add, (3, "a")),
        Statement("DELETE FROM orders WHERE id = ?", ("b",)),
        Statement(INSERT, ("b", 7)),
        Statement(add, (4, "a")),
    ]
    await read_store.apply(statements, expected=0, position=1)
    assert (await read_store.query(ALL_ORDERS)).value == [("a", 1234), ("b", 7)]


async def test_a_statement_may_begin_with_a_table_expression(read_store: ReadStore) -> None:
    insert = "WITH given(id, total) AS (VALUES (?, ?)) INSERT INTO orders SELECT id, total FROM given"
    await read_store.apply([Statement(insert, ("a", 1)), Statement(insert, ("b", 2))], expected=0, position=1)
    assert (await read_store.query(ALL_ORDERS)).value == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("comment", ["-- of the orders\n", "/* of\nthe orders */ ", "\n--\n  /**/--x\n", "-- a /*\n"])
async def test_a_statement_and_a_query_may_begin_with_comments(read_store: ReadStore, comment: str) -> None:
    insert = f"{comment}WITH given(id, total) AS (VALUES (?, ?)) INSERT INTO orders SELECT id, total FROM given"
    await read_store.apply([Statement(insert, ("a", 1)), Statement(comment + INSERT, ("b", 2))], expected=0, position=1)
    assert (await read_store.query(asking(f"{comment}SELECT id, total FROM orders"))).value == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("hidden", ["-- SELECT\nDROP TABLE orders", "/* INSERT */ COMMIT", "/* SELECT 1", ""])
async def test_a_comment_lets_nothing_else_through(read_store: ReadStore, hidden: str) -> None:
    with pytest.raises(StatementFailed, match="only changes rows"):
        await read_store.apply([Statement(hidden, ())], expected=0, position=1)
    with pytest.raises(StatementFailed, match="only reads"):
        await read_store.query(asking(hidden))


async def test_events_that_change_no_table_still_move_the_position(read_store: ReadStore) -> None:
    await read_store.apply([], expected=0, position=5)
    assert await read_store.position() == 5


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_position_that_moved_refuses_the_statements(read_store: ReadStore, expected: int) -> None:
    await read_store.apply([], expected=0, position=1)
    with pytest.raises(WrongCursor) as refused:
        await read_store.apply([Statement(INSERT, ("a", 1))], expected=expected, position=9)
    assert (refused.value.expected, refused.value.actual) == (expected, 1)
    assert await read_store.query(ALL_ORDERS) == ([], 1)


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
async def test_a_statement_that_fails_takes_its_whole_batch_with_it(read_store: ReadStore, bad: Statement) -> None:
    with pytest.raises(StatementFailed) as failed:
        await read_store.apply([Statement(INSERT, ("a", 1)), bad], expected=0, position=1)
    assert failed.value.sql == bad.sql
    assert await read_store.query(ALL_ORDERS) == ([], 0)
    await read_store.apply([Statement(INSERT, ("a", 1))], expected=0, position=1)
    assert await read_store.position() == 1


async def test_a_closed_store_says_so_and_closes_twice(read_store: ReadStore) -> None:
    await read_store.close()
    await read_store.close()
    with pytest.raises(StoreClosed):
        await read_store.position()
    with pytest.raises(StoreClosed):
        await read_store.query(ALL_ORDERS)
