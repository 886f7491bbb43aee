"""Reading the effect ledger: each function asks one thing of a connection, on its thread."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import get_args

import msgspec

from ..effect_records import ConsumerRecord, EffectRecord, EffectState
from ..records import Position

__all__ = [
    "FINISHED",
    "OF_THESE_IDS",
    "effect_counts",
    "effects_by_id",
    "effects_that_fit",
    "encode_ids",
    "known_consumers",
    "next_attempts",
    "states_of",
    "unfinished_effects",
]

FINISHED = "state IN ('done', 'discarded')"
UNFINISHED = "state NOT IN ('done', 'discarded')"
"""SQLite uses the two partial indexes only where a query repeats their condition word for word."""

OF_THESE_IDS = "effect_id IN (SELECT value FROM json_each(?))"
EFFECTS = (
    "SELECT effect_id, consumer, position, ordinal, stream, payload, state, attempts, error, result, changed, "
    "failures, due FROM effects WHERE "
)
BY_ID = EFFECTS + OF_THESE_IDS
UNFINISHED_AFTER = f"""
{EFFECTS} consumer = ? AND (position, ordinal) > (?, ?) AND {UNFINISHED} ORDER BY position, ordinal LIMIT ?
"""
STATES = f"SELECT effect_id, state FROM effects WHERE {OF_THESE_IDS}"  # noqa: S608 - our own words
CONSUMERS = "SELECT name, cursor, paused, held_until FROM consumers ORDER BY name"
COUNTS = f"""
SELECT consumer, state, count(*) FROM effects INDEXED BY unfinished WHERE {UNFINISHED} GROUP BY consumer, state
UNION ALL
SELECT consumer, state, count(*) FROM effects INDEXED BY finished WHERE {FINISHED} GROUP BY consumer, state
"""  # noqa: S608 - our own words
NEXT_ATTEMPTS = f"""
SELECT consumer, min(due) FROM effects INDEXED BY unfinished
WHERE {UNFINISHED} AND state = 'retry' AND due IS NOT NULL GROUP BY consumer
"""  # noqa: S608 - our own words
FINISHED_STATES: frozenset[EffectState] = frozenset({"done", "discarded"})

encode_json = msgspec.json.Encoder().encode


def encode_ids(effect_ids: Collection[str]) -> str:
    """Return `effect_ids` as one parameter for `OF_THESE_IDS`."""
    return encode_json(effect_ids).decode()


def known_consumers(connection: sqlite3.Connection) -> dict[str, ConsumerRecord]:
    """Return all consumers, by name."""
    return {row[0]: ConsumerRecord(*row) for row in connection.execute(CONSUMERS).fetchall()}


def unfinished_effects(
    connection: sqlite3.Connection, consumer: str, after: tuple[Position, int], limit: int
) -> Sequence[EffectRecord]:
    """Return up to `limit` effects that are neither done nor discarded, behind `after`, in order."""
    rows = connection.execute(UNFINISHED_AFTER, (consumer, *after, limit)).fetchall()
    return [EffectRecord(*row) for row in rows]


def effects_by_id(connection: sqlite3.Connection, effect_ids: Collection[str]) -> dict[str, EffectRecord]:
    """Return those of `effect_ids` that are in the ledger."""
    rows = connection.execute(BY_ID, (encode_ids(effect_ids),)).fetchall()
    return {row[0]: EffectRecord(*row) for row in rows}


def states_of(connection: sqlite3.Connection, effect_ids: Collection[str]) -> dict[str, str]:
    """Return the state of those of `effect_ids` that are in the ledger."""
    return dict(connection.execute(STATES, (encode_ids(effect_ids),)).fetchall())


def effects_that_fit(
    connection: sqlite3.Connection,
    consumer: str | None,
    states: Collection[EffectState],
    effect_ids: Collection[str],
    limit: int,
    payloads: bool,
) -> Sequence[EffectRecord]:
    """Return up to `limit` effects that fit all that is given, by position, ordinal and consumer."""
    conditions, parameters = ["true"], list[str | int]()
    if consumer is not None:
        conditions.append("consumer = ?")
        parameters.append(consumer)
    if states:
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        parameters.extend(states)
    if states and FINISHED_STATES.isdisjoint(states):
        conditions.append(UNFINISHED)
    if effect_ids:
        conditions.append(OF_THESE_IDS)
        parameters.append(encode_ids(effect_ids))
    effects = EFFECTS if payloads else EFFECTS.replace("payload", "''", 1)
    query = f"{effects} {' AND '.join(conditions)} ORDER BY position, ordinal, consumer LIMIT ?"
    return [EffectRecord(*row) for row in connection.execute(query, (*parameters, limit)).fetchall()]


def next_attempts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return for each consumer with effects in `retry` when the first of them is due."""
    return dict(connection.execute(NEXT_ATTEMPTS).fetchall())


def effect_counts(connection: sqlite3.Connection) -> dict[str, dict[EffectState, int]]:
    """Return how many effects each consumer has in each state; all consumers and all states are there."""
    names = [name for (name,) in connection.execute("SELECT name FROM consumers ORDER BY name").fetchall()]
    counts: dict[str, dict[EffectState, int]] = {name: dict.fromkeys(get_args(EffectState), 0) for name in names}
    for name, state, count in connection.execute(COUNTS).fetchall():
        if state not in counts.get(name, ()):
            raise msgspec.ValidationError(f"{name!r} has effects in the state {state!r}, and one of the two is none")
        counts[name][state] = count
    return counts
