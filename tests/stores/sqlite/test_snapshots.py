"""The snapshots of queries: shared by those who asked before one began, and by nobody else."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from math import inf
from pathlib import Path
from time import monotonic

import pytest
from twofold.stores.errors import StatementFailed
from twofold.stores.protocols import ReadDb, Snapshot
from twofold.stores.sqlite import read_query, snapshots
from twofold.stores.sqlite.migrations import READ_DB, migrate
from twofold.stores.sqlite.snapshots import Snapshots

Ask = Callable[[float], Snapshot]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "read.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, READ_DB, tmp_path / "read.db")
        yield connection


@pytest.fixture
def reader(writer: sqlite3.Connection, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "read.db", isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def shared() -> Snapshots:
    return Snapshots()


@pytest.fixture
def ask(shared: Snapshots, reader: sqlite3.Connection) -> Ask:
    return lambda asked: shared.ask(reader, position, 1.0, asked)


async def position(db: ReadDb) -> object:
    return await db.value("SELECT position FROM twofold_cursor")


async def nonsense(db: ReadDb) -> object:
    return await db.value("SELECT nothing")


def move(writer: sqlite3.Connection, to: int) -> None:
    writer.execute("UPDATE twofold_cursor SET position = ?", (to,))


def test_who_asked_before_a_snapshot_began_shares_it(
    ask: Ask, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LONGEST", 30.0)
    asked = monotonic()
    move(writer, 1)
    assert ask(asked) == (1, 1)
    move(writer, 2)
    assert ask(asked) == (1, 1)


def test_who_asked_later_sees_what_was_committed_by_then(ask: Ask, writer: sqlite3.Connection) -> None:
    assert ask(monotonic()) == (0, 0)
    move(writer, 1)
    assert ask(monotonic()) == (1, 1)


def test_a_snapshot_takes_in_nobody_once_it_is_old(
    ask: Ask, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = monotonic()
    assert ask(asked) == (0, 0)
    move(writer, 1)
    monkeypatch.setattr(snapshots, "monotonic", lambda: monotonic() + 2 * snapshots.LONGEST)
    assert ask(asked) == (1, 1)


def test_other_work_sees_all_that_is_committed(
    ask: Ask, shared: Snapshots, writer: sqlite3.Connection, reader: sqlite3.Connection
) -> None:
    ask(monotonic())
    move(writer, 1)
    assert shared.outside(reader, lambda c: c.execute("SELECT position FROM twofold_cursor").fetchone()) == (1,)


def test_a_connection_that_rests_holds_nothing(ask: Ask, shared: Snapshots, reader: sqlite3.Connection) -> None:
    ask(monotonic())
    held = [reader.in_transaction]
    for _ in range(2):
        shared.leave(reader)
        held.append(reader.in_transaction)
    assert held == [True, False, False]


def test_a_query_that_fails_ends_the_snapshot(
    ask: Ask, shared: Snapshots, writer: sqlite3.Connection, reader: sqlite3.Connection
) -> None:
    asked = monotonic()
    ask(asked)
    with pytest.raises(StatementFailed):
        shared.ask(reader, nonsense, 1.0, asked)
    assert not reader.in_transaction
    move(writer, 1)
    assert ask(asked) == (1, 1)


def test_a_snapshot_that_sqlite_ended_is_shared_with_nobody(
    ask: Ask, writer: sqlite3.Connection, reader: sqlite3.Connection
) -> None:
    asked = monotonic()
    ask(asked)
    reader.execute("ROLLBACK")
    move(writer, 1)
    assert ask(asked) == (1, 1)
    assert reader.in_transaction


def test_a_query_under_which_sqlite_ended_the_snapshot_fails(shared: Snapshots, reader: sqlite3.Connection) -> None:
    async def go_on(db: ReadDb) -> object:
        reader.execute("ROLLBACK")
        return await position(db)

    with pytest.raises(StatementFailed, match=r"go_on failed: SQLite rolled back .*; ask again"):
        shared.ask(reader, go_on, 1.0, monotonic())


def test_the_time_limit_of_a_query_is_no_other_works(
    shared: Snapshots, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_query, "STEPS_BETWEEN_LOOKS", 1)
    shared.ask(reader, position, 30.0, monotonic())
    reader.execute("ROLLBACK")
    monkeypatch.setattr("twofold.stores.sqlite.read_query.time.monotonic", lambda: inf)
    assert shared.outside(reader, lambda c: c.execute("SELECT position FROM twofold_cursor").fetchone()) == (0,)


def test_a_long_query_seldom_takes_the_interpreters_lock(
    shared: Snapshots, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def look() -> float:
        nonlocal looks
        looks += 1
        return 0.0

    async def count(db: ReadDb) -> object:
        return await db.value(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT max(i) FROM n"
        )

    monkeypatch.setattr("twofold.stores.sqlite.read_query.time.monotonic", look)
    assert shared.ask(reader, count, 1.0, 0.0).value == 1_000_000  # in more than 10,000,000 steps
    assert 2 < looks < 10
