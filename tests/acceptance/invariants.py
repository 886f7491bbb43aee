"""What must hold of a data folder, whatever was killed, seen from outside: the folder's files and a client's ledger.

The names I1 to I5 are those of the reliability contract. SQL is written anew here, so that a mistake in that of the
stores is not repeated.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from twofold.stores.segments.audit import scan

from examples.shop.domain import app

STAGES = ("accepted", "handled", "projected")


class Answers(NamedTuple):
    """All that a client was ever told about its command ids, as its ledger has it."""

    accepted: dict[str, list[dict[str, Any]]]
    refused: set[str]

    @classmethod
    def of(cls, ledger: Path) -> "Answers":
        """Read the ledger; a last line that was cut off was noted by nobody."""
        accepted: dict[str, list[dict[str, Any]]] = defaultdict(list)
        refused: set[str] = set()
        for line in ledger.read_bytes().splitlines(keepends=True) if ledger.exists() else []:
            if line.endswith(b"\n"):
                answer = json.loads(line)
                if answer["stage"] == "refused":
                    refused.add(answer["id"])
                else:
                    accepted[answer["id"]].append(answer)
        return cls(accepted, refused)


def check_invariants(data: Path, answers: Answers) -> None:
    """Assert I1 to I4, and of I5 that states fit their events; works on what a killed process left, as it lies."""
    ids = logged_ids(data / "log")
    outcomes: dict[str, tuple[Any, ...]] = {}
    head = 0
    if has_tables(data / "write.db"):
        with closing(read_only(data / "write.db")) as write_db:
            outcomes = check_outcomes(write_db, ids)
            head = check_events(write_db, ids)
    position = read_position(data)
    assert position <= head, f"I4: the read database is at {position}, the events end at {head}"
    check_answers(answers, ids, outcomes, position)


def logged_ids(log: Path) -> list[str]:
    """Return the command ids in the log, having checked that offsets are dense (I3) and each id is there once (I2)."""
    ids: list[str] = []
    for batch in scan(log):
        assert batch.first == len(ids) + 1, f"I3: a batch begins at offset {batch.first} behind {len(ids)} commands"
        ids += [command.command_id for command in batch.commands]
    assert len(ids) == len(set(ids)), "I2: the log holds a command twice"
    return ids


def check_outcomes(write_db: sqlite3.Connection, ids: list[str]) -> dict[str, tuple[Any, ...]]:
    """Return the outcome of each id: one for each command up to the cursor, and no other."""
    (cursor,) = write_db.execute("SELECT coalesce(max(value), 0) FROM cursors").fetchone()
    assert cursor <= len(ids), f"I4: the handler is at offset {cursor}, the log ends at {len(ids)}"
    rows = write_db.execute('SELECT command_id, "offset", status, version, events, position FROM outcomes').fetchall()
    by_offset = {row[1]: row[0] for row in rows}
    assert by_offset == dict(enumerate(ids[:cursor], start=1)), "I2: outcomes are not those of the handled commands"
    assert len(rows) == cursor
    return {row[0]: row[1:] for row in rows}


def check_events(write_db: sqlite3.Connection, ids: list[str]) -> int:
    """Return the head, having checked positions, versions, the commands' numbers of events, and the kept states."""
    versions: dict[str, int] = defaultdict(int)
    made: dict[int, list[int]] = defaultdict(list)
    position = last_offset = 0
    for position, (stored, stream, version, metadata) in enumerate(
        write_db.execute("SELECT position, stream, version, metadata FROM events ORDER BY position"), start=1
    ):
        assert stored == position, f"I3: position {stored} stands where {position} should"
        versions[stream] += 1
        assert version == versions[stream], f"I3: {stream} has version {version} where {versions[stream]} should be"
        origin = json.loads(metadata)
        assert ids[origin["offset"] - 1] == origin["command_id"], f"the event at {position} names another command"
        assert origin["offset"] >= last_offset, f"the event at {position} is not in the order of the log"
        last_offset = origin["offset"]
        made[last_offset].append(position)
    for offset, count, newest in write_db.execute('SELECT "offset", events, position FROM outcomes'):
        positions = made.pop(offset, [])
        expected = (len(positions), positions[-1] if positions else 0)
        assert (count, newest) == expected, f"I2: the events of offset {offset}"
    assert not made, "I2: events without an outcome"
    states = dict(write_db.execute("SELECT stream, version FROM states"))
    assert states == dict(versions), "I5: a state is not that of its stream's newest version"
    return position


def check_answers(answers: Answers, ids: list[str], outcomes: dict[str, tuple[Any, ...]], position: int) -> None:
    """Assert that all that was acknowledged is there, as it was acknowledged (I1), and the same each time it was."""
    offsets = {command_id: offset for offset, command_id in enumerate(ids, start=1)}
    for command_id, told in answers.accepted.items():
        assert {answer["offset"] for answer in told} == {offsets.get(command_id)}, f"I1: {command_id}: {told}"
        for answer in told:
            if answer["outcome"]:
                offset, *facts = outcomes[command_id]
                assert answer["outcome"] == facts, f"I1: {command_id} at {offset}"
                assert answer["stage"] != "projected" or answer["outcome"][-1] <= position, f"I1: {command_id} unread"
    assert not answers.refused & offsets.keys(), "a refused command is in the log"


def check_states_fold(data: Path) -> None:
    """Assert that the state kept of each stream is what its events fold to (I5)."""
    deciders = app.domain().deciders
    with closing(read_only(data / "write.db")) as write_db:
        folded: dict[str, Any] = {}
        events = app.domain().events
        for stream, type_, text in write_db.execute("SELECT stream, type, data FROM events ORDER BY position"):
            decider = deciders[stream.partition("-")[0]]
            state = folded.get(stream, decider.initial())
            folded[stream] = decider.evolve(state, events[type_].codec.decode(text))
        kept = dict(write_db.execute("SELECT stream, data FROM states"))
    assert {stream: msgspec.json.encode(state).decode() for stream, state in folded.items()} == kept


def read_db_file(data: Path) -> Path:
    """Return the file of the generation that serves: the first word of the pointer, filled or not."""
    return data / "read" / (data / "read" / "current").read_text(encoding="utf-8").split()[0]


def read_position(data: Path) -> int:
    """Return the position of the read database; 0 before there is one."""
    if not (data / "read" / "current").exists():
        return 0
    with closing(read_only(read_db_file(data))) as read_db:
        return int(read_db.execute("SELECT position FROM twofold_cursor").fetchone()[0])


def rows_of(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, sorted."""
    with closing(read_only(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: sorted(_rows(connection, table), key=repr) for table in tables}


def copy_of_write_side(data: Path, copy: Path) -> Path:
    """Copy all but the read database, which is filled anew at a start: the log, the events, and their effects."""
    copy.mkdir()
    (copy / "log").mkdir()
    for file in (data / "log").iterdir():
        (copy / "log" / file.name).write_bytes(file.read_bytes())
    for name in ("write.db", "effects.db"):
        with closing(read_only(data / name)) as source, closing(sqlite3.connect(copy / name)) as target:
            source.backup(target)
    return copy


def effects_done(data: Path) -> set[str]:
    """Return the ids of the effects that are done."""
    with closing(read_only(data / "effects.db")) as ledger:
        return {row[0] for row in ledger.execute("SELECT effect_id FROM effects WHERE state = 'done'")}


def has_tables(database: Path) -> bool:
    """Tell whether the process lived long enough to make the database and its tables."""
    if not database.exists() or database.with_name(f"{database.name}-journal").exists():
        return False  # a journal lies there only before the switch to the write-ahead log
    with closing(read_only(database)) as connection:
        return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def read_only(database: Path) -> sqlite3.Connection:
    """Open a database as it lies."""
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute(f'SELECT * FROM "{table}"')
