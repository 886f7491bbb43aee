"""Holding the effect ledger against the events, for tools: what can be seen of it without rendering anything again."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ..effect_records import effect_id
from ..records import Position
from .audit import Malformed, converted, pages

__all__ = ["AuditedConsumer", "StrayEffect", "audited_consumers", "effect_count", "stray_effects"]

EFFECTS = """
SELECT rowid, effect_id, consumer, position, ordinal, stream, attempts, failures FROM effects
WHERE rowid > :after ORDER BY rowid LIMIT :limit
"""
EffectRow: TypeAlias = tuple[int, str, str, int, int, str, int, int]
EVENTS = "SELECT position, stream, hash FROM events WHERE position IN (SELECT value FROM json_each(?))"
EventRow: TypeAlias = tuple[int, str, bytes]


class AuditedConsumer(NamedTuple):
    """A consumer as the ledger keeps it."""

    name: str
    cursor: Position


class StrayEffect(NamedTuple):
    """An effect that no event can have led to as it stands, and why."""

    effect_id: object
    what: str


def audited_consumers(ledger: sqlite3.Connection) -> Iterator[AuditedConsumer]:
    """Yield the consumers of the ledger."""
    yield from (AuditedConsumer(*row) for row in ledger.execute("SELECT name, cursor FROM consumers ORDER BY name"))


def effect_count(ledger: sqlite3.Connection) -> int:
    """Return how many effects the ledger holds."""
    (count,) = ledger.execute("SELECT count(*) FROM effects").fetchone()
    return int(count)


def stray_effects(
    ledger: sqlite3.Connection, write: sqlite3.Connection, cursors: dict[str, Position]
) -> Iterator[tuple[int, list[StrayEffect]]]:
    """Yield for each page of effects how many they were, and those that do not fit their consumer and their event.

    `cursors` are those of the ledger's consumers, read before.
    """
    for page in pages(ledger, EFFECTS, 0, EffectRow):
        positions = sorted({row[3] for row in page if not isinstance(row, Malformed)})
        rows = converted(write.execute(EVENTS, (json.dumps(positions),)).fetchall(), EventRow)
        events = {row[0]: row for row in rows if not isinstance(row, Malformed)}
        yield len(page), [stray for row in page if (stray := _check(row, events, cursors)) is not None]


def _check(
    row: Malformed | EffectRow,
    events: Mapping[Position, EventRow],
    cursors: Mapping[str, Position],
) -> StrayEffect | None:
    if isinstance(row, Malformed):
        return StrayEffect(f"in row {row.key}", row.what)
    _, name, consumer, position, ordinal, stream, attempts, failures = row
    if not 0 <= failures <= attempts:
        return StrayEffect(name, f"it failed {failures} times in {attempts} attempts")
    if consumer not in cursors:
        return StrayEffect(name, f"its consumer {consumer} is not in the ledger")
    if position not in events:
        return StrayEffect(name, f"there is no event at its position {position}")
    _, of_event, event_hash = events[position]
    if of_event != stream:
        return StrayEffect(name, f"it is of {stream}, and the event at position {position} is of {of_event}")
    if name not in (effect_id(consumer, position, event_hash, ordinal), _older_id(consumer, position, ordinal)):
        return StrayEffect(name, f"its id is not that of effect {ordinal} of {consumer} for the event at {position}")
    return None


def _older_id(consumer: str, position: Position, ordinal: int) -> str:
    """Return the id under which 0.1.0 entered an effect, which stays: it may have been sent under it."""
    return f"{position:012x}{hashlib.sha256(f'{consumer}/{position}/{ordinal}'.encode()).hexdigest()[:20]}"
