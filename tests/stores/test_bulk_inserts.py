"""Many rows in few statements: each row once, in order, whatever their number."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

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


def test_a_statement_writes_no_journal_of_its_own(tmp_path: Path) -> None:
    things = BulkInsert("things", columns=1)
    with closing(sqlite3.connect(tmp_path / "things.db", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE things (name TEXT PRIMARY KEY) WITHOUT ROWID")
        names = [f"{number:08}" for number in range(20 * CHUNKS[0])]
        things.run(connection, [(f"{name}{'-' * 300}",) for name in names], len(names))  # some 200 pages
        connection.execute("BEGIN")
        before = bytes_handed_to_the_system()
        things.run(connection, [(name,) for name in names[::20]], CHUNKS[0])  # into all of them
        assert bytes_handed_to_the_system() - before < 1000  # but for these two readings
        connection.execute("COMMIT")


def test_rows_that_cannot_be_written_end_the_statement(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE UNIQUE INDEX names ON things (name)")
    with pytest.raises(sqlite3.IntegrityError, match=r"things\.name"):
        THINGS.run(connection, [(1, "a"), (2, "a")], 2)


def bytes_handed_to_the_system() -> int:
    """Return how many bytes this process has ever written, to whatever file."""
    line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar"))
    return int(line.split()[1])
