"""Writing one batch of commands: events, states, outcomes, claims and the cursor, in one transaction."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..errors import ClaimTaken, CommitRefused, DuplicateCommand, StoreError, WrongCursor, WrongHead
from ..records import ClaimChange, Commit, EventRecord, Outcome
from .event_rows import FAULTS, HANDLER, cursor_value, existing_outcomes, newest_position
from .inserts import BulkInsert, Row
from .transactions import transaction

__all__ = ["write_commit"]

INSERT_EVENTS = BulkInsert("events", columns=10)
INSERT_OUTCOMES = BulkInsert("outcomes", columns=10)
PUT_STATES = BulkInsert(
    "states",
    columns=4,
    tail="ON CONFLICT (stream) DO UPDATE SET "
    "version = excluded.version, fingerprint = excluded.fingerprint, data = excluded.data",
)

row_of = msgspec.structs.astuple
encode_json = msgspec.json.Encoder().encode


def write_commit(connection: sqlite3.Connection, file: Path, commit: Commit) -> None:
    """Write all of `commit` durably, or nothing; raises as `EventStore.commit` does."""
    try:
        with transaction(connection, file):
            move_cursor(connection, commit)
            check_positions(connection, commit.events)
            INSERT_EVENTS.run(connection, map(row_of, commit.events), len(commit.events))
            PUT_STATES.run(connection, map(row_of, commit.states), len(commit.states))
            INSERT_OUTCOMES.run(connection, map(outcome_row, commit.outcomes), len(commit.outcomes))
            for change in commit.claims:
                change_claim(connection, change)
    except (StoreError, MemoryError):
        raise
    except sqlite3.IntegrityError as error:
        raise refusal(connection, commit, error) from error
    except Exception as error:
        raise CommitRefused(error) from error


def move_cursor(connection: sqlite3.Connection, commit: Commit) -> None:
    """Move the handler's cursor from where the commit expects it."""
    if commit.cursor_before == 0:
        connection.execute("INSERT INTO cursors VALUES (?, ?, 0) ON CONFLICT DO NOTHING", (HANDLER, commit.partition))
    moved = connection.execute(
        "UPDATE cursors SET value = ? WHERE name = ? AND partition = ? AND value = ?",
        (commit.cursor_after, HANDLER, commit.partition, commit.cursor_before),
    ).rowcount
    if moved != 1:
        raise WrongCursor(HANDLER, commit.cursor_before, cursor_value(connection, commit.partition))


def check_positions(connection: sqlite3.Connection, events: Sequence[EventRecord]) -> None:
    """Check that `events` follow the newest position, one by one."""
    if not events:
        return
    newest = newest_position(connection)
    if events[0].position != newest + 1:
        raise WrongHead(events[0].position - 1, newest)
    for position, event in enumerate(events, newest + 1):
        if event.position != position:
            raise CommitRefused(f"the event behind position {position - 1} has position {event.position}")


def outcome_row(outcome: Outcome) -> Row:
    """Return the row of `outcome`, with its faults as JSON."""
    faults = encode_json(outcome.faults).decode() if outcome.faults else None
    return (*row_of(outcome)[:FAULTS], faults)


def change_claim(connection: sqlite3.Connection, change: ClaimChange) -> None:
    """Take or release a unique value; taking what the stream holds already is no change."""
    if change.taken:
        connection.execute(
            "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (change.name, change.value, change.stream)
        )
        (holder,) = connection.execute(
            "SELECT stream FROM claims WHERE name = ? AND value = ?", (change.name, change.value)
        ).fetchone()
        if holder != change.stream:
            raise ClaimTaken(change.name, change.value, holder)
        return
    released = connection.execute(
        "DELETE FROM claims WHERE name = ? AND value = ? AND stream = ?", (change.name, change.value, change.stream)
    ).rowcount
    if released != 1:
        raise CommitRefused(f"{change.stream} releases {change.name} {change.value!r}, which it does not hold")


def refusal(connection: sqlite3.Connection, commit: Commit, error: sqlite3.IntegrityError) -> StoreError:
    """Return what a broken constraint means; the transaction is over."""
    if "outcomes.command_id" not in str(error):
        return CommitRefused(error)
    ids = [outcome.command_id for outcome in commit.outcomes]
    taken = set(existing_outcomes(connection, ids))
    for command_id in ids:
        if command_id in taken:
            return DuplicateCommand(command_id)
        taken.add(command_id)
    return CommitRefused(error)
