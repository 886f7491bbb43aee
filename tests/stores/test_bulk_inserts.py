"""Many rows in few statements: each row once, in order, whatever their number."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from twofold.stores.sqlite.inserts import CHUNKS, BulkInsert, Row

pytestmark = pytest.mark.timeout(30)

THINGS = BulkInsert("things", columns=2)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE things (number INTEGER, name TEXT)")
        yield connection


@pytest.mark.parametrize("count", [0, 1, 2, 3, CHUNKS[0] - 1, CHUNKS[0], CHUNKS[0] + 1, 5 * CHUNKS[0] + 77])
def test_each_row_is_written_once_and_in_order(connection: sqlite3.Connection, count: int) -> None:
    rows = [(number, f"thing {number}") for number in range(count)]
    THINGS.run(connection, iter(rows), count)
    assert connection.execute("SELECT number, name FROM things ORDER BY rowid").fetchall() == rows


def test_no_row_is_made_before_the_statement_that_binds_it(connection: sqlite3.Connection) -> None:
    written: list[int] = []

    def rows() -> Iterator[Row]:
        for number in range(3 * CHUNKS[0]):
            (before,) = connection.execute("SELECT count(*) FROM things").fetchone()
            written.append(before)
            yield number, "thing"

    THINGS.run(connection, rows(), 3 * CHUNKS[0])
    assert written == [CHUNKS[0] * (number // CHUNKS[0]) for number in range(3 * CHUNKS[0])]
