"""Whether two parties left the same rows: a comparison of speed is honest only between equal results.

Left out is what no two runs share: the ids of commands that were given none, times, the digests of commands (see
`benchmarks.floor`), the hashes that follow from those, and the ids of effects, which follow from the hashes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from twofold.runtime.stores import DataFolder
from twofold.stores.sqlite.generation_files import serving_generation

from .floor import FloorFiles

__all__ = ["ResultsDiffer", "require_same_effects", "require_same_folders", "require_same_reads", "require_same_rows"]

WRITE_QUERIES = (
    "SELECT position, stream, version, type, schema_version, data FROM events ORDER BY position",
    "SELECT stream, version, fingerprint, data FROM states ORDER BY stream",
    'SELECT "offset", status, stream, version, events, position, faults FROM outcomes ORDER BY "offset"',
    "SELECT name, value, stream FROM claims ORDER BY name, value",
    "SELECT name, partition, value FROM cursors ORDER BY name",
)
LEDGER_QUERIES = (
    "SELECT position, consumer, ordinal, stream, payload, state FROM effects ORDER BY position, consumer, ordinal",
    "SELECT name, cursor, paused FROM consumers ORDER BY name",
)
PLACES = "SELECT effect_id, consumer || ' ' || position || '/' || ordinal FROM effects"
TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


class ResultsDiffer(Exception):
    """The two parties did not do the same work, so that their times say nothing."""


def require_same_folders(floor: FloorFiles, twofold: DataFolder) -> int:
    """Compare what the floor left with what Twofold did, and return how many rows are the same.

    Raises:
        ResultsDiffer: at the first row that is not.
    """
    read_db = serving_generation(twofold.read)
    if read_db is None:
        raise FileNotFoundError(f"{twofold.read} names no read database")
    return require_same_rows((floor.write_db, floor.read_db), (twofold.write_db, read_db))


def require_same_rows(one: tuple[Path, Path], other: tuple[Path, Path]) -> int:
    """Compare a write and a read database with another pair, and return how many rows are the same.

    Raises:
        ResultsDiffer: at the first row that is not.
    """
    with closing(_open(one[0])) as a, closing(_open(other[0])) as b:
        rows = sum(_same(a, b, query) for query in WRITE_QUERIES)
    return rows + require_same_reads(one[1], other[1])


def require_same_reads(one: Path, other: Path) -> int:
    """Compare two read databases, and return how many rows are the same.

    Raises:
        ResultsDiffer: at the first row that is not.
    """
    with closing(_open(one)) as a, closing(_open(other)) as b:
        return sum(_same(a, b, query) for query in _table_queries(a)) + _same(a, b, TABLES)


def require_same_effects(one: DataFolder, other: DataFolder) -> int:
    """Compare the ledgers of two folders, and which effects have a mail there; return how many of both are the same.

    Raises:
        ResultsDiffer: at the first row that is not, or with the mails that only one of the two wrote.
    """
    with closing(_open(one.effects_db)) as a, closing(_open(other.effects_db)) as b:
        rows = sum(_same(a, b, query) for query in LEDGER_QUERIES)
        mails, others = _mails(one, a), _mails(other, b)
    if mails != others:
        raise ResultsDiffer(
            f"{len(mails)} mails and {len(others)}; only one party wrote {', '.join(sorted(mails ^ others)[:3])}"
        )
    return rows + len(mails)


def _mails(folder: DataFolder, ledger: sqlite3.Connection) -> set[str]:
    """Return the consumer, the position and the ordinal of each mail; the name of one that is of no effect."""
    places = dict(ledger.execute(PLACES).fetchall())
    return {places.get(file.stem, file.name) for file in folder.outbox.glob("*.eml")}


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _table_queries(connection: sqlite3.Connection) -> Iterator[str]:
    for (table,) in connection.execute(TABLES).fetchall():
        columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        timeless = [name for name in columns if not name.endswith("_at")]
        yield f"SELECT {', '.join(timeless)} FROM {table} ORDER BY {columns[0]}"


def _same(one: sqlite3.Connection, other: sqlite3.Connection, query: str) -> int:
    count = 0
    pairs: Iterator[tuple[Any, Any]] = zip_longest(one.execute(query), other.execute(query))
    for a, b in pairs:
        if a != b:
            raise ResultsDiffer(f"{query}\nThe rows differ at row {count + 1}:\n  {a}\n  {b}")
        count += 1
    return count
