"""Holding three accounts of the same commands against one another: the log's, the outcomes' and the events'.

They do not come side by side, and can each be longer than the memory, so they are laid into a scratch database by
offset, where one query finds each kind of disagreement. An error in one row so never shifts the comparison of its
neighbours.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from ..records import LoggedCommand, Offset, Outcome, Position, StreamId, Version
from .audit import scratch_connection

__all__ = ["CommandAudit", "Disagreement", "MadeEvents", "command_audit"]

TABLES = """
CREATE TABLE logged ("offset" INTEGER, command_id TEXT, digest BLOB, stream TEXT, time INTEGER);
CREATE TABLE outcome (
    "offset" INTEGER, command_id TEXT, digest BLOB, status TEXT, stream TEXT, version INTEGER, events INTEGER,
    position INTEGER, time INTEGER, faults INTEGER
);
CREATE TABLE made (
    "offset" INTEGER, command_id TEXT, stream TEXT, version INTEGER, events INTEGER, position INTEGER, time INTEGER
);
"""
INDEXES = """
CREATE INDEX logged_offset ON logged ("offset");
CREATE INDEX outcome_offset ON outcome ("offset");
CREATE INDEX made_offset ON made ("offset");
CREATE INDEX made_stream ON made (stream, "offset");
"""
GAPS = """
SELECT before + 1, "offset" - 1
FROM (SELECT "offset", lag("offset", 1, 0) OVER (ORDER BY "offset") AS before FROM outcome) WHERE "offset" > before + 1
"""
LOGGED_WITHOUT_OUTCOME = """
SELECT "offset", command_id FROM logged WHERE "offset" BETWEEN ? AND ?
AND NOT EXISTS (
    SELECT 1 FROM outcome WHERE outcome.command_id = logged.command_id AND outcome."offset" < logged."offset"
)
"""
DISAGREEMENTS = (
    (
        "the outcome's command id, digest, stream or time is not that of the command in the log",
        """SELECT "offset", outcome.command_id FROM outcome JOIN logged USING ("offset")
           WHERE (outcome.command_id, outcome.digest, outcome.stream, outcome.time)
           IS NOT (logged.command_id, logged.digest, logged.stream, logged.time)""",
    ),
    (
        "the outcome's events do not stand at its positions, or do not carry its command id, stream, version or time",
        """SELECT "offset", outcome.command_id FROM outcome LEFT JOIN made USING ("offset")
           WHERE (outcome.events > 0 OR made.events IS NOT NULL)
           AND (outcome.command_id, outcome.stream, outcome.version, outcome.events, outcome.position, outcome.time)
           IS NOT (made.command_id, made.stream, made.version, made.events, made.position, made.time)""",
    ),
    (
        "there are events of the command, but there is no outcome",
        """SELECT "offset", command_id FROM made
           WHERE NOT EXISTS (SELECT 1 FROM outcome WHERE outcome."offset" = made."offset")""",
    ),
    (
        "the outcome names no events, and a version that the stream did not have then",
        """SELECT "offset", command_id FROM outcome WHERE events = 0 AND NOT (status = 'failed' AND version = 0)
           AND version <> coalesce((SELECT version FROM made WHERE made.stream = outcome.stream
               AND made."offset" < outcome."offset" ORDER BY made."offset" DESC LIMIT 1), 0)""",
    ),
    (
        "the outcome contradicts itself: its status does not go with its faults, its events and its position",
        """SELECT "offset", command_id FROM outcome WHERE status NOT IN ('handled', 'rejected', 'conflict', 'failed')
           OR (status = 'handled') <> (faults = 0) OR events < 0 OR (events > 0 AND status <> 'handled')
           OR (events = 0) <> (position = 0)""",
    ),
)


class MadeEvents(NamedTuple):
    """The events that one command made, as the events themselves tell it: they stand in a row."""

    offset: Offset
    command_id: str
    stream: StreamId
    version: Version
    """That of the last one."""
    events: int
    position: Position
    """That of the last one."""
    time: int


class Disagreement(NamedTuple):
    """A command of which the accounts differ."""

    offset: Offset
    command_id: str
    what: str


class CommandAudit:
    """What log, outcomes and events say of the commands up to one offset."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(TABLES)
        connection.execute("BEGIN")

    def add_logged(self, commands: Iterable[LoggedCommand]) -> None:
        """Add commands of the log."""
        told = ((each.offset, each.command) for each in commands)
        rows = ((offset, each.command_id, each.digest, each.stream, each.time) for offset, each in told)
        self._connection.executemany("INSERT INTO logged VALUES (?, ?, ?, ?, ?)", rows)

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes, in any order."""
        rows = (
            (
                x.offset,
                x.command_id,
                x.digest,
                x.status,
                x.stream,
                x.version,
                x.events,
                x.position,
                x.time,
                len(x.faults),
            )
            for x in outcomes
        )
        self._connection.executemany("INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def add_made(self, made: Iterable[MadeEvents]) -> None:
        """Add what commands made, as the events tell it."""
        self._connection.executemany("INSERT INTO made VALUES (?, ?, ?, ?, ?, ?, ?)", made)

    def disagreements(self) -> Iterator[Disagreement]:
        """Yield each command of which the accounts differ, once all of them are added."""
        self._connection.execute("COMMIT")
        self._connection.executescript(INDEXES)
        for what, query in DISAGREEMENTS:
            for offset, command_id in self._connection.execute(query):
                yield Disagreement(offset, command_id, what)

    def missing_outcomes(self, cursor: Offset) -> Iterator[Disagreement]:
        """Yield each command up to `cursor` that the log holds and no outcome tells of; after `disagreements`.

        A command whose id has its outcome at an earlier offset needs none: it was sent twice, and the handler kept the
        first answer.
        """
        self._connection.execute("CREATE INDEX outcome_id ON outcome (command_id)")
        for first, last in self._gaps(cursor):
            for offset, command_id in self._connection.execute(LOGGED_WITHOUT_OUTCOME, (first, last)):
                yield Disagreement(offset, command_id, "the command was handled, but there is no outcome")

    def unknown_offsets(self, cursor: Offset) -> int:
        """Return how many offsets up to `cursor` neither the log nor an outcome tells of; after `disagreements`."""
        return sum(last - first + 1 - self._held(first, last) for first, last in self._gaps(cursor))

    def _held(self, first: Offset, last: Offset) -> int:
        query = """SELECT count(DISTINCT "offset") FROM logged WHERE "offset" BETWEEN ? AND ?"""
        (held,) = self._connection.execute(query, (first, last)).fetchone()
        return int(held)

    def _gaps(self, cursor: Offset) -> list[tuple[Offset, Offset]]:
        (newest,) = self._connection.execute("""SELECT coalesce(max("offset"), 0) FROM outcome""").fetchone()
        gaps: list[tuple[Offset, Offset]] = self._connection.execute(GAPS).fetchall()
        return [*gaps, (newest + 1, cursor)] if newest < cursor else gaps


@contextmanager
def command_audit() -> Iterator[CommandAudit]:
    """Open an empty audit, whose scratch database is gone at the end."""
    with closing(scratch_connection()) as connection:
        yield CommandAudit(connection)
