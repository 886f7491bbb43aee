"""The effect ledger with nothing around it: one connection, and a transaction for each step of a batch of effects."""

from collections.abc import Sequence
from pathlib import Path

from twofold.stores.records import Position
from twofold.stores.sqlite.inserts import BulkInsert, BulkStatement
from twofold.stores.sqlite.migrations import EFFECTS_DB

from .bare_stores import Row, connect

__all__ = ["BareLedger"]

ENTER = BulkInsert("effects", columns=13)
BEGIN = BulkStatement(
    "WITH begun (effect_id, changed) AS (",
    columns=2,
    tail=""")
    UPDATE effects SET state = 'sending', attempts = attempts + 1, changed = begun.changed
    FROM begun WHERE effects.effect_id = begun.effect_id
    """,
)
CONCLUDE = BulkStatement(
    "WITH ended (effect_id, result, changed) AS (",
    columns=3,
    tail=""")
    UPDATE effects SET state = 'done', result = ended.result, changed = ended.changed
    FROM ended WHERE effects.effect_id = ended.effect_id
    """,
)


class BareLedger:
    """The effect ledger of `consumers`, each at the first event."""

    def __init__(self, file: Path, consumers: Sequence[str]) -> None:
        self._connection = connect(file, EFFECTS_DB, "FULL")
        self._connection.executemany(
            "INSERT INTO consumers (name, cursor) VALUES (?, 0)", [(name,) for name in consumers]
        )

    def enter(self, effects: Sequence[Row], position: Position) -> None:
        """Write the rows of new effects and move the cursor of every consumer, in one synced transaction."""
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        run.execute("UPDATE consumers SET cursor = ?", (position,))
        ENTER.run(run, effects, len(effects))
        run.execute("COMMIT")

    def begin(self, attempts: Sequence[Row]) -> None:
        """Record that attempts begin, each with its effect's id and the time, in one synced transaction."""
        self._change(BEGIN, attempts)

    def conclude(self, ends: Sequence[Row]) -> None:
        """Record that attempts succeeded, each with its effect's id, the result and the time, likewise."""
        self._change(CONCLUDE, ends)

    def close(self) -> None:
        """Checkpoint and release the file."""
        self._connection.close()

    def _change(self, statement: BulkStatement, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        statement.run(self._connection, rows, len(rows))
        self._connection.execute("COMMIT")
