"""Reading the write database: each function asks one thing of a connection, on its thread."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from ..records import GENESIS, EventRecord, Fault, Head, Offset, Outcome, Position, StateRecord, StreamId, Version

__all__ = [
    "FAULTS",
    "HANDLER",
    "claim_holder",
    "cursor_value",
    "events_after",
    "events_of_stream",
    "existing_outcomes",
    "existing_states",
    "newest_head",
    "newest_position",
]

HANDLER = "handler"
"""The name under which the cursor of the command handler is kept."""

NEWEST_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
CURSOR = "SELECT value FROM cursors WHERE name = ? AND partition = ?"
STATES = "SELECT stream, version, fingerprint, data FROM states WHERE stream IN (SELECT value FROM json_each(?))"
OUTCOMES = """
SELECT command_id, "offset", digest, status, stream, version, events, position, time, faults
FROM outcomes WHERE command_id IN (SELECT value FROM json_each(?))
"""
CLAIM_HOLDER = "SELECT stream FROM claims WHERE name = ? AND value = ?"
EVENTS_AFTER = """
SELECT position, stream, version, type, schema_version, data, metadata, time, digest, hash
FROM events WHERE position > ? ORDER BY position LIMIT ?
"""
EVENTS_OF_STREAM = """
SELECT position, stream, version, type, schema_version, data, metadata, time, digest, hash
FROM events WHERE stream = ? AND version > ? ORDER BY version LIMIT ?
"""
FAULTS = 9
"""The column of an outcome that is decoded; most have none."""
NO_LIMIT = -1

encode_keys = msgspec.json.Encoder().encode
decode_faults = msgspec.json.Decoder(tuple[Fault, ...]).decode


def newest_head(connection: sqlite3.Connection) -> Head:
    """Return where the history ends."""
    row = connection.execute(NEWEST_HEAD).fetchone()
    return GENESIS if row is None else Head(*row)


def newest_position(connection: sqlite3.Connection) -> Position:
    """Return the position of the newest event, or 0."""
    (position,) = connection.execute("SELECT max(position) FROM events").fetchone()
    return position or 0


def cursor_value(connection: sqlite3.Connection, partition: int) -> Offset:
    """Return the offset of the newest handled command of `partition`, or 0."""
    row = connection.execute(CURSOR, (HANDLER, partition)).fetchone()
    return 0 if row is None else row[0]


def existing_states(connection: sqlite3.Connection, streams: Collection[StreamId]) -> dict[StreamId, StateRecord]:
    """Return the state of each of `streams` that has one."""
    rows = connection.execute(STATES, (encode_keys(streams).decode(),)).fetchall()
    return {row[0]: StateRecord(*row) for row in rows}


def existing_outcomes(connection: sqlite3.Connection, command_ids: Collection[str]) -> dict[str, Outcome]:
    """Return the outcome of each of `command_ids` that has one."""
    rows = connection.execute(OUTCOMES, (encode_keys(command_ids).decode(),)).fetchall()
    return {row[0]: outcome_of(row) for row in rows}


def outcome_of(row: tuple[Any, ...]) -> Outcome:
    """Return the outcome that a row keeps, with its faults decoded."""
    fields, faults = row[:FAULTS], row[FAULTS]
    return Outcome(*fields) if faults is None else Outcome(*(*fields, decode_faults(faults)))


def claim_holder(connection: sqlite3.Connection, name: str, value: str) -> StreamId | None:
    """Return the stream that holds the unique `value`, if one does."""
    row = connection.execute(CLAIM_HOLDER, (name, value)).fetchone()
    return None if row is None else row[0]


def events_after(connection: sqlite3.Connection, after: Position, limit: int) -> Sequence[EventRecord]:
    """Return up to `limit` events that follow position `after`, in order."""
    return [EventRecord(*row) for row in connection.execute(EVENTS_AFTER, (after, limit)).fetchall()]


def events_of_stream(
    connection: sqlite3.Connection, stream: StreamId, after: Version, limit: int | None
) -> Sequence[EventRecord]:
    """Return the events of `stream` that follow version `after`, in order."""
    rows = connection.execute(EVENTS_OF_STREAM, (stream, after, NO_LIMIT if limit is None else limit)).fetchall()
    return [EventRecord(*row) for row in rows]
