"""Reading the whole write database, for tools, up to a moment that was fixed before.

Events and outcomes are never changed once they are there, so what stood at the moment of `bounds` reads the same in
any later transaction. States and claims move on: a state is at least as new as the bounds.
"""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ..records import GENESIS, EventRecord, Head, Offset, Outcome, Position, StateRecord, StreamId
from .audit import Malformed, converted, pages
from .event_rows import NEWEST_HEAD, cursor_value, outcome_of

__all__ = [
    "AuditedClaim",
    "Bounds",
    "audited_claims",
    "audited_events",
    "audited_outcomes",
    "audited_states",
    "bounds",
    "state_count",
    "stray_outcomes",
]

EVENTS = """
SELECT position, stream, version, type, schema_version, data, metadata, time, digest, hash
FROM events WHERE position > :after AND position <= {upto} ORDER BY position LIMIT :limit
"""
EVENT_ROW = tuple[int, str, int, str, int, str | None, str, int, bytes, bytes]
OUTCOMES = """
SELECT "offset", command_id, "offset", digest, status, stream, version, events, position, time, faults
FROM outcomes WHERE "offset" > :after AND "offset" <= {upto} ORDER BY "offset" LIMIT :limit
"""
OUTCOME_ROW = tuple[int, str, int, bytes, str, str, int, int, int, int, str | None]
STATES = """
SELECT CAST(stream AS BLOB), stream, version, fingerprint, data
FROM states WHERE stream > CAST(:after AS TEXT) ORDER BY stream LIMIT :limit
"""
STATE_ROW = tuple[bytes, str, int, str, str]
STRAY_OUTCOMES = """
SELECT command_id, "offset" FROM outcomes
WHERE "offset" < 1 OR "offset" > coalesce((SELECT max(value) FROM cursors WHERE name = 'handler'), 0) LIMIT 100
"""
CLAIMS = """
SELECT name, value, stream, EXISTS (SELECT 1 FROM events WHERE events.stream = claims.stream)
    OR EXISTS (SELECT 1 FROM outcomes WHERE outcomes.stream = claims.stream AND status = 'handled')
FROM claims
"""
CLAIM_ROW = tuple[str, str, str, int]
BEFORE_ALL_KEYS = b""
BEFORE_ALL_OFFSETS = 0


class AuditedClaim(NamedTuple):
    """A unique value and the stream that holds it."""

    name: str
    value: str
    stream: StreamId
    is_known: int
    """Whether the stream has an event, or a command that was handled without one."""


class Bounds(NamedTuple):
    """The end of the history and the handler's cursor, as of one moment."""

    head: Head
    cursor: Offset


def bounds(connection: sqlite3.Connection) -> Bounds:
    """Return where history and handling have come to, both as of one moment."""
    connection.execute("BEGIN")
    try:
        row = connection.execute(NEWEST_HEAD).fetchone()
        cursor = cursor_value(connection, 0)
    finally:
        connection.execute("ROLLBACK")
    head = GENESIS if row is None else Head(*msgspec.convert(row, tuple[int, bytes], builtin_types=[bytes]))
    return Bounds(head, msgspec.convert(cursor, int))


def audited_events(
    connection: sqlite3.Connection, after: Position, upto: Position
) -> Iterator[list[EventRecord | Malformed]]:
    """Yield the events past `after` and up to `upto`, in pages, in order."""
    for page in pages(connection, EVENTS.format(upto=int(upto)), after, EVENT_ROW):
        yield [row if isinstance(row, Malformed) else EventRecord(*row) for row in page]


def audited_outcomes(connection: sqlite3.Connection, cursor: Offset) -> Iterator[list[Outcome | Malformed]]:
    """Yield the outcomes of the commands up to `cursor`, in pages, in order."""
    for page in pages(connection, OUTCOMES.format(upto=int(cursor)), BEFORE_ALL_OFFSETS, OUTCOME_ROW):
        yield [row if isinstance(row, Malformed) else outcome(row) for row in page]


def audited_states(connection: sqlite3.Connection) -> Iterator[list[StateRecord | Malformed]]:
    """Yield the states, in pages, by stream."""
    for page in pages(connection, STATES, BEFORE_ALL_KEYS, STATE_ROW):
        yield [row if isinstance(row, Malformed) else StateRecord(*row[1:]) for row in page]


def state_count(connection: sqlite3.Connection) -> int:
    """Return how many streams have a state."""
    (count,) = connection.execute("SELECT count(*) FROM states").fetchone()
    return int(count)


def stray_outcomes(connection: sqlite3.Connection) -> Iterator[tuple[str, Offset]]:
    """Yield id and offset of the outcomes of commands that the handler's cursor does not cover; at most a hundred."""
    yield from connection.execute(STRAY_OUTCOMES).fetchall()


def audited_claims(connection: sqlite3.Connection) -> Iterator[AuditedClaim | Malformed]:
    """Yield the claims, all as of one moment, so that none of them is older or newer than the streams."""
    for row in connection.execute(CLAIMS):
        (claim,) = converted([row], CLAIM_ROW)
        yield claim if isinstance(claim, Malformed) else AuditedClaim(*claim)


def outcome(row: tuple[object, ...]) -> Outcome | Malformed:
    """Return the outcome that `row` keeps."""
    try:
        return outcome_of(row[1:])
    except msgspec.MsgspecError as error:
        return Malformed(row[0], f"its faults do not decode: {error}")
