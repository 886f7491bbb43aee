"""Verifying the commands: what the log, the outcomes and the events tell of each must agree."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from ...stores.errors import Corruption
from ...stores.records import LoggedCommand, Offset, Outcome
from ...stores.segments.audit import LoggedBatch, TornTail, findings
from ...stores.sqlite.audit import Malformed
from ...stores.sqlite.command_audit import CommandAudit, command_audit
from ...stores.sqlite.write_audit import audited_outcomes, stray_outcomes
from ..stores import DataFolder
from .report import Findings, Report

__all__ = ["Commands", "commands_of"]

RESTORE = "Restore a backup."
RESTORE_TOGETHER = "Restore the log and the databases from one backup."


class Commands:
    """All commands up to the handler's cursor, told by three sources that are added one after the other."""

    def __init__(self, folder: DataFolder, cursor: Offset, audit: CommandAudit, found: Findings) -> None:
        self.audit = audit
        self._folder = folder
        self._cursor = cursor
        self._findings = found

    def read_log(self, report: Report) -> None:
        """Read the log to its end; it must reach to the cursor."""
        folder, checked = self._folder.log, self._findings.checked
        end = newest_start(self._folder) - 1
        with self._findings.reading(folder, RESTORE_TOGETHER):
            for finding in findings(folder):
                self._add_finding(finding)
                if isinstance(finding, LoggedBatch):
                    end = max(end, finding.first + len(finding.commands) - 1)
                    report(end, max(end, self._cursor))
        checked.unhandled = max(0, end - self._cursor)
        if end < self._cursor:
            what = f"the log ends at offset {end}, and the write database has handled offset {self._cursor}"
            self._findings.fault("log", str(folder), f"{what}: part of the log is gone", RESTORE_TOGETHER)

    def read_outcomes(self, write: sqlite3.Connection, report: Report) -> None:
        """Read the outcomes of the commands up to the cursor."""
        for page in audited_outcomes(write, self._cursor):
            sound: list[Outcome] = []
            for outcome in page:
                if isinstance(outcome, Malformed):
                    where = f"{self._folder.write_db}, outcome at offset {outcome.key}"
                    self._findings.fault("outcomes", where, outcome.what)
                else:
                    sound.append(outcome)
            self.audit.add_outcomes(sound)
            self._findings.checked.outcomes += len(sound)
            report(self._findings.checked.outcomes, self._cursor)

    def compare(self, write: sqlite3.Connection) -> None:
        """Name each command on which the sources disagree, or which one of them should tell of and does not."""
        for offset, command_id, what in (*self.audit.disagreements(), *self.audit.missing_outcomes(self._cursor)):
            self._findings.fault(what, self._where(command_id, offset), what)
        for command_id, offset in stray_outcomes(write):
            what = "there is an outcome, and the command's offset is none that was handled"
            self._findings.fault(what, self._where(command_id, offset), what)
        unknown = self.audit.unknown_offsets(self._cursor)
        if unknown:
            self._findings.note(
                f"Of {unknown} handled offsets there is no outcome, and the log does not hold them any more: "
                "these were commands whose id had an outcome already, or their outcomes were deleted."
            )

    def _add_finding(self, finding: LoggedBatch | TornTail | Corruption) -> None:
        if isinstance(finding, Corruption):
            self._findings.corruption("log", finding, RESTORE)
        elif isinstance(finding, TornTail):
            self._findings.note(
                f"{finding.file} at byte {finding.position}: {finding.size} bytes behind the last whole batch, "
                "never acknowledged: a batch that is being written, or that a crash cut short."
            )
        else:
            logged = map(LoggedCommand, count(finding.first), finding.commands)
            self.audit.add_logged(each for each in logged if each.offset <= self._cursor)
            self._findings.checked.commands += len(finding.commands)

    def _where(self, command_id: str, offset: Offset) -> str:
        return f"{self._folder.write_db}, outcome of {command_id} at offset {offset}"


@contextmanager
def commands_of(folder: DataFolder, cursor: Offset, found: Findings) -> Iterator[Commands]:
    """Begin an account of the commands up to `cursor`; what it lays aside on disk is gone at the end."""
    with command_audit() as audit:
        yield Commands(folder, cursor, audit, found)


def newest_start(folder: DataFolder) -> Offset:
    """Return the offset at which the newest segment begins, whose file is named by it; an empty one holds no other."""
    return max((int(path.stem) for path in folder.log.glob("*.log") if path.stem.isdecimal()), default=1)
