"""Writing the effect ledger: each function is one transaction, whole or not at all."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from time import time_ns
from typing import TypeAlias

from ..effect_errors import UnknownConsumer, UnknownEffect, WrongEffectState
from ..effect_records import Conclusion, ConsumerRecord, Effect, EffectState, rendered_anew
from ..errors import CommitRefused, WrongCursor
from ..records import Position
from .changes import change
from .effect_rows import FINISHED, OF_THESE_IDS, encode_ids, known_consumers, states_of
from .inserts import BulkInsert, BulkStatement, Row

__all__ = [
    "begin_attempts",
    "conclude_attempts",
    "ensure_consumer",
    "forget_finished",
    "hold_consumer",
    "pause_consumer",
    "postpone_attempts",
    "record_effects",
    "release_parked",
]

INSERT_EFFECTS = BulkInsert(
    "effects (effect_id, consumer, position, ordinal, stream, payload, state, attempts, error, result, changed)",
    columns=11,
)
MOVE_CURSOR = "UPDATE consumers SET cursor = ? WHERE name = ? AND cursor = ?"
BEGIN = f"""
UPDATE effects SET state = 'sending', attempts = attempts + 1, changed = ?, due = NULL
WHERE {OF_THESE_IDS}
"""  # noqa: S608 - our own words
CONCLUDE = BulkStatement(
    "WITH ended (effect_id, state, error, result, changed, failed, due) AS (",
    columns=7,
    tail=""")
    UPDATE effects SET state = ended.state, changed = ended.changed,
        error = coalesce(ended.error, effects.error), result = coalesce(ended.result, effects.result),
        failures = failures + ended.failed, due = ended.due
    FROM ended WHERE effects.effect_id = ended.effect_id
    """,
)
PAUSE = "UPDATE consumers SET paused = ?, held_until = NULL WHERE name = ?"
RENDER_ANEW = """
UPDATE effects SET state = ?, payload = ?, error = coalesce(?, error), attempts = 0, failures = 0, changed = ?
WHERE effect_id = ?
"""
HOLD = "UPDATE consumers SET held_until = ? WHERE name = ?"
POSTPONE = BulkStatement(
    "WITH later (effect_id, due) AS (",
    columns=2,
    tail=""")
    UPDATE effects SET due = later.due FROM later WHERE effects.effect_id = later.effect_id AND state = 'retry'
    """,
)
RELEASE = """
UPDATE effects SET state = :state, changed = :now,
    attempts = iif(:state = 'pending', 0, attempts), failures = iif(:state = 'pending', 0, failures)
WHERE effect_id IN (SELECT value FROM json_each(:ids))
"""
FORGET = f"""
DELETE FROM effects INDEXED BY finished
WHERE consumer IN (SELECT name FROM consumers) AND {FINISHED} AND changed < ?
"""  # noqa: S608 - our own words

States: TypeAlias = Collection[str]
MAY_BEGIN: States = ("pending", "retry", "sending")
"""An attempt whose end is unknown is begun again."""
MAY_CONCLUDE: States = ("sending",)
MAY_RELEASE: States = ("parked",)
RELEASING = "be retried or discarded"


def ensure_consumer(connection: sqlite3.Connection, file: Path, name: str, start: Position) -> ConsumerRecord:
    """Return the consumer, made with its cursor at `start` where there is none of that name."""
    with change(connection, file):
        connection.execute("INSERT INTO consumers (name, cursor) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, start))
        return known_consumers(connection)[name]


def record_effects(
    connection: sqlite3.Connection,
    file: Path,
    consumer: str,
    effects: Sequence[Effect],
    expected: Position,
    position: Position,
) -> None:
    """Enter `effects` and move the consumer's cursor; raises as `EffectLedger.record` does."""
    with change(connection, file):
        move_cursor(connection, consumer, expected, position)
        check_places(consumer, effects, expected, position)
        now = time_ns() // 1000
        INSERT_EFFECTS.run(connection, (effect_row(effect, now) for effect in effects), len(effects))


def move_cursor(connection: sqlite3.Connection, consumer: str, expected: Position, position: Position) -> None:
    """Move the cursor of `consumer` from where it is expected."""
    if connection.execute(MOVE_CURSOR, (position, consumer, expected)).rowcount == 1:
        return
    found = known_consumers(connection).get(consumer)
    raise UnknownConsumer(consumer) if found is None else WrongCursor(consumer, expected, found.cursor)


def check_places(consumer: str, effects: Iterable[Effect], expected: Position, position: Position) -> None:
    """Check that all of `effects` are of `consumer`, for events between the old cursor and the new one."""
    if position < expected:
        raise CommitRefused(f"the cursor of {consumer} would go back from {expected} to {position}")
    for effect in effects:
        if effect.consumer != consumer or not expected < effect.position <= position:
            raise CommitRefused(
                f"effect {effect.effect_id} is of {effect.consumer} at position {effect.position}, "
                f"and not of {consumer} past {expected} and up to {position}"
            )


def effect_row(effect: Effect, now: int) -> Row:
    """Return the row that enters `effect`."""
    return (
        effect.effect_id,
        effect.consumer,
        effect.position,
        effect.ordinal,
        effect.stream,
        effect.payload,
        "pending" if effect.parked is None else "parked",
        0,
        effect.parked,
        None,
        now,
    )


def begin_attempts(connection: sqlite3.Connection, file: Path, effect_ids: Collection[str], now: int) -> None:
    """Record that an attempt at each of these effects begins."""
    with change(connection, file):
        check_states(connection, effect_ids, MAY_BEGIN, "be begun")
        connection.execute(BEGIN, (now, encode_ids(effect_ids)))


def conclude_attempts(connection: sqlite3.Connection, file: Path, conclusions: Sequence[Conclusion], now: int) -> None:
    """Record how attempts ended; what an earlier attempt said stays where this one said nothing."""
    check_once(conclusions)
    with change(connection, file):
        check_states(connection, [each.effect_id for each in conclusions], MAY_CONCLUDE, "be concluded")
        rows = (
            (each.effect_id, each.state, each.error, each.result, now, each.failed, each.due) for each in conclusions
        )
        CONCLUDE.run(connection, rows, len(conclusions))


def release_parked(
    connection: sqlite3.Connection,
    file: Path,
    effect_ids: Collection[str],
    state: EffectState,
    now: int,
    rendered: Mapping[str, Sequence[Effect]],
) -> int:
    """Take parked effects out of their parking, and return how many that were."""
    with change(connection, file):
        check_states(connection, effect_ids, MAY_RELEASE, RELEASING)
        for effect_id, effects in rendered.items():
            check_rendered(effect_id, effects)
            connection.execute(RENDER_ANEW, (*rendered_anew(effects), now, effect_id))
            INSERT_EFFECTS.run(connection, (effect_row(effect, now) for effect in effects[1:]), len(effects) - 1)
        plain = [each for each in effect_ids if each not in rendered]
        parameters = {"state": state, "now": now, "ids": encode_ids(plain)}
        return connection.execute(RELEASE, parameters).rowcount + len(rendered)


def pause_consumer(connection: sqlite3.Connection, file: Path, consumer: str, why: str | None) -> None:
    """Record why nothing of `consumer` is sent, or that it goes on."""
    with change(connection, file):
        if connection.execute(PAUSE, (why, consumer)).rowcount != 1:
            raise UnknownConsumer(consumer)


def hold_consumer(connection: sqlite3.Connection, file: Path, consumer: str, until: int | None) -> None:
    """Record until when all of `consumer` is slowed down, or that it is not."""
    with change(connection, file):
        if connection.execute(HOLD, (until, consumer)).rowcount != 1:
            raise UnknownConsumer(consumer)


def postpone_attempts(connection: sqlite3.Connection, file: Path, dues: Mapping[str, int]) -> None:
    """Record when those of these effects that are in `retry` are due."""
    with change(connection, file):
        POSTPONE.run(connection, dues.items(), len(dues))


def forget_finished(connection: sqlite3.Connection, file: Path, before: int) -> int:
    """Delete what was finished before the time `before`, and return how many that were."""
    with change(connection, file):
        return connection.execute(FORGET, (before,)).rowcount


def check_states(connection: sqlite3.Connection, effect_ids: Collection[str], allowed: States, step: str) -> None:
    """Check that each of these effects is in one of the `allowed` states."""
    states = states_of(connection, effect_ids)
    for effect_id in effect_ids:
        if effect_id not in states:
            raise UnknownEffect(effect_id)
        if states[effect_id] not in allowed:
            raise WrongEffectState(effect_id, states[effect_id], step, allowed)


def check_rendered(effect_id: str, effects: Sequence[Effect]) -> None:
    """Check that what an event was rendered to anew stands for the effect of that id."""
    if effects and effects[0].effect_id != effect_id:
        raise CommitRefused(f"effect {effect_id} was rendered anew as {effects[0].effect_id}")


def check_once(conclusions: Iterable[Conclusion]) -> None:
    """Check that no attempt is concluded twice at once."""
    ends: dict[str, str] = {}
    for each in conclusions:
        if each.effect_id in ends:
            raise WrongEffectState(each.effect_id, ends[each.effect_id], "be concluded", MAY_CONCLUDE)
        ends[each.effect_id] = each.state
