"""Verifying the read database: it must be what its projections make of the events, at its own position."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ...actors.definitions import Domain, UnknownEvent
from ...actors.projector import ProjectionFailed, statements_for
from ...stores.errors import StatementFailed
from ...stores.records import EventRecord, Position
from ...stores.sqlite.audit import damage, foreign_objects, open_to_audit
from ...stores.sqlite.migrations import READ_DB
from ...stores.sqlite.projecting import fingerprints, recorded_projections
from ...stores.sqlite.read_audit import ScratchGeneration, audited_position
from ...stores.sqlite.table_comparison import Comparison, tables_of
from .report import Findings, Report

__all__ = ["FILL_ANEW", "RebuiltReads", "rebuilt_reads"]

FILL_ANEW = "Stop Twofold, delete the folder of the read database, and start: it is filled anew from the events."
MEND = "Mend the projection and raise its version: the read database is then filled anew."


class RebuiltReads:
    """The read database that serves, and one beside it that is filled from the same events in a temporary file."""

    def __init__(
        self, kept: sqlite3.Connection, file: Path, domain: Domain, rebuilt: ScratchGeneration, findings: Findings
    ) -> None:
        self.position_found: Position = audited_position(kept)
        """Where the kept one was at first; it never goes back."""
        self._kept = kept
        self.file = file
        self._domain = domain
        self._rebuilt = rebuilt
        self._findings = findings
        self._is_comparable = recorded_projections(kept) == fingerprints(domain.projections)
        if not self._is_comparable:
            findings.note(
                f"{file} was built by other projections than those registered, or other versions of them: "
                "it was not compared, and is filled anew at the next start."
            )

    def add(self, events: Sequence[EventRecord], upto: Position) -> None:
        """Apply those of `events` that stand at `upto` or before, and follow what was applied."""
        if not self._is_comparable:
            return
        due = [event for event in events if self._rebuilt.position < event.position <= upto]
        if not due:
            return
        try:
            self._rebuilt.apply(statements_for(self._domain, due), due[-1].position)
        except (ProjectionFailed, StatementFailed, UnknownEvent) as error:
            self._is_comparable = False
            what = f"it cannot be rebuilt past position {self._rebuilt.position}, and was not compared: {error}"
            self._findings.fault("reads", f"{self.file}", what, MEND)

    def check_position(self, head: Position) -> None:
        """Check that the kept one was not past `head`, which was read after its position."""
        if self.position_found > head:
            self._is_comparable = False
            what = f"it is at position {self.position_found}, and the events end at {head}"
            self._findings.fault("reads", f"{self.file}, twofold_cursor", what, FILL_ANEW)

    def compare(
        self, events_between: Callable[[Position, Position], Iterator[list[EventRecord]]], report: Report
    ) -> None:
        """Compare all tables in one snapshot of the kept one, with the rebuilt one brought to its position."""
        if not self._is_comparable:
            return
        self._kept.execute("BEGIN")
        try:
            position = audited_position(self._kept)
            for page in events_between(self._rebuilt.position, position):
                self.add(page, position)
            if position < self._rebuilt.position:
                self._findings.note(f"{self.file} went back to position {position} meanwhile, and was not compared.")
            elif self._is_at(position):
                self._compare_tables(report)
        finally:
            self._kept.execute("ROLLBACK")

    def _is_at(self, position: Position) -> bool:
        if self._is_comparable and self._rebuilt.position != position:
            what = f"it is at position {position}, and there is no such event"
            self._findings.fault("reads", f"{self.file}, twofold_cursor", what, FILL_ANEW)
            return False
        return self._is_comparable

    def _compare_tables(self, report: Report) -> None:
        for what in foreign_objects(self._kept, self._rebuilt.connection):
            self._findings.fault("reads", f"{self.file}", what, FILL_ANEW)
        tables = tables_of(self._rebuilt.connection)
        for done, table in enumerate(tables, 1):
            with self._findings.reading(f"{self.file}, table {table}", FILL_ANEW):
                self._compare_table(table)
            report(done, len(tables))

    def _compare_table(self, table: str) -> None:
        comparison = Comparison(self._kept, self._rebuilt.connection, table)
        self._findings.checked.tables += 1
        try:
            for row, what in comparison.differences():
                self._findings.fault(table, f"{self.file}, table {table}, row {row}", what, FILL_ANEW)
        finally:
            self._findings.checked.rows += comparison.rows


@contextmanager
def rebuilt_reads(file: Path, domain: Domain, findings: Findings) -> Iterator[RebuiltReads]:
    """Open the read database in `file` for comparison, and name what is wrong with the file as such.

    Raises:
        StoreError, sqlite3.Error: it cannot be read.
    """
    with (
        open_to_audit(file, READ_DB) as kept,
        closing(ScratchGeneration(domain.projections)) as rebuilt,
    ):
        for what in damage(kept, READ_DB):
            findings.fault(str(file), str(file), what, FILL_ANEW)
        yield RebuiltReads(kept, file, domain, rebuilt, findings)
