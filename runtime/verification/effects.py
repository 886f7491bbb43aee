"""The effect ledger held against the events: cursors, consumers, and an event behind each effect."""

import sqlite3
from functools import partial
from pathlib import Path

from ...stores.records import Position
from ...stores.sqlite.audit import damage, database_file, foreign_objects, open_to_audit
from ...stores.sqlite.effect_audit import audited_consumers, effect_count, stray_effects
from ...stores.sqlite.migrations import EFFECTS_DB, WRITE_DB
from ...stores.sqlite.registrations import registered_consumers
from .report import Findings, Report

__all__ = ["compare_effects"]


def compare_effects(
    file: Path, write: sqlite3.Connection, head: Position, findings: Findings, progress: Report
) -> None:
    """Name what is wrong with the ledger `file`, whose consumers were registered in the write database.

    `head` was read before, and may have moved on: a cursor is held against the newest event there is now.
    """
    with findings.reading(f"{database_file(write)}, consumers", WRITE_DB.way_out) as consumers:
        registered = registered_consumers(write)
    if not consumers.is_whole:
        return
    if not file.exists():
        if registered:
            names = ", ".join(registered)
            findings.fault("effects", str(file), f"it is gone, and {names} are registered", EFFECTS_DB.way_out)
        return
    with findings.reading(file, EFFECTS_DB.way_out), open_to_audit(file, EFFECTS_DB) as ledger:
        for what in (*foreign_objects(ledger, EFFECTS_DB), *damage(ledger, EFFECTS_DB)):
            findings.fault("effects", str(file), what, EFFECTS_DB.way_out)
        cursors = {consumer.name: consumer.cursor for consumer in audited_consumers(ledger)}
        (newest,) = write.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
        for name, cursor in cursors.items():
            if cursor > max(head, newest):
                what = f"the cursor of {name} is at {cursor}, and the events end at {max(head, newest)}"
                findings.fault("effects", str(file), what, EFFECTS_DB.way_out)
        for name in registered.keys() - cursors.keys():
            findings.fault("effects", str(file), f"it knows nothing of the consumer {name}", EFFECTS_DB.way_out)
        total = effect_count(ledger)
        tell = partial(findings.fault, "effects")
        for count, strays in stray_effects(ledger, write, cursors):
            findings.checked.effects += count
            progress(findings.checked.effects, total)
            for stray in strays:
                tell(f"{file}, effect {stray.effect_id}", stray.what, EFFECTS_DB.way_out)
