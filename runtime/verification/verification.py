"""Verifying a data folder: every fault in it named, and nothing changed.

It runs beside a process as well as without one, and after a kill. What is read first bounds what is read later, so
that a process that goes on writing makes no fault:

1. the position of the read database: events are committed before they are projected, so the head read next is not
   behind it;
2. head of the history and cursor of the handler, in one transaction of the write database;
3. the log, to its end: commands are durable before they are handled, so the end is not behind the cursor;
4. outcomes up to that cursor and events up to that head: neither is ever changed. Each page is a read transaction of
   its own, so that the write-ahead log of the other process stays bounded;
5. states: one may be newer than the head by now, and is then compared with the stream's newer events folded in;
6. claims, in one statement;
7. the effect ledger: its cursors may have moved past the head read above, and are held against the newest event;
8. the read database, in one snapshot, against one that was filled from the same events and now catches up with it.

Of each database the file as such is checked first (SQLite's ``integrity_check``, one statement that reads it whole).

In memory it holds the newest state of every stream, one page of events and one batch of the log. What it lays aside
on disk, an account of all commands and the rebuilt read database, are temporary files of SQLite (in ``SQLITE_TMPDIR``
or ``TMPDIR``, else ``/var/tmp``), about as large as the outcomes and the read database.

What it cannot see: a history rewritten from some event to its end with all hashes made anew, unless `expected_head`
is one exported before; a claim edited from one value to another, and what a refusal said, for no event tells of them;
and the second of two format bytes in SQLite's header, the one that only a writer looks at.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TypeAlias

from anyio import from_thread, to_thread

from ...actors.definitions import Domain
from ...stores.errors import NoSuchStore
from ...stores.records import EventRecord, Head
from ...stores.sqlite.audit import Malformed, damage, foreign_objects, open_to_audit
from ...stores.sqlite.event_rows import events_of_stream
from ...stores.sqlite.generation_files import serving_generation
from ...stores.sqlite.migrations import WRITE_DB
from ...stores.sqlite.write_audit import Bounds, audited_claims, audited_events, audited_states, bounds, state_count
from ..stores import DataFolder
from .commands import Commands, commands_of
from .effects import compare_effects
from .history import History
from .reads import FILL_ANEW, RebuiltReads, rebuilt_reads
from .report import Findings, VerificationReport

__all__ = ["Progress", "verify"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called on the event loop with a part's name, how much of it is done, and how much there is."""


async def verify(
    folder: DataFolder, domain: Domain, *, expected_head: Head | None = None, progress: Progress | None = None
) -> VerificationReport:
    """Return everything that is wrong with `folder`, which belongs to `domain`.

    `expected_head` is one that an earlier verification reported: the history must still go through it. The work runs
    on a thread; a cancelled caller stops it at its next page.

    Raises:
        NoSuchStore: there is no such folder, or nothing of Twofold's is in it.
    """
    if not any(path.exists() for path in (folder.log, folder.write_db, folder.read)):
        raise NoSuchStore(folder.root)

    def report_progress(part: str, done: int, total: int) -> None:
        from_thread.check_cancelled()
        if progress is not None:
            from_thread.run_sync(progress, part, done, total)

    verification = Verification(folder, domain, expected_head, report_progress)
    return await to_thread.run_sync(verification.run)


class Verification:
    """One verification, on one thread."""

    def __init__(self, folder: DataFolder, domain: Domain, expected: Head | None, progress: Progress) -> None:
        self._folder = folder
        self._domain = domain
        self._expected = expected
        self._progress = progress
        self._findings = Findings()

    def run(self) -> VerificationReport:
        """Verify everything, in the order that the module tells."""
        with ExitStack() as stack:
            reads = self._open_reads(stack)
            write = self._open_write(stack)
            found: Bounds | None = None
            if write is not None:
                with self._findings.reading(self._folder.write_db, WRITE_DB.way_out):
                    found = bounds(write)
            cursor = 0 if found is None else found.cursor
            commands = stack.enter_context(commands_of(self._folder, cursor, self._findings))
            commands.read_log(partial(self._progress, "log"))
            if write is not None and found is not None:
                self._check_generation(reads, found)
                self._compare(write, found, commands, reads)
        return self._findings.report(None if found is None else found.head)

    def _open_reads(self, stack: ExitStack) -> RebuiltReads | None:
        reads = None
        file = serving_generation(self._folder.read)
        if file is not None:
            self._progress("read database: file", 0, 0)
            with self._findings.reading(file, FILL_ANEW):
                reads = stack.enter_context(rebuilt_reads(file, self._domain, self._findings))
        return reads

    def _open_write(self, stack: ExitStack) -> sqlite3.Connection | None:
        write = None
        file = self._folder.write_db
        self._progress("write database: file", 0, 0)
        with self._findings.reading(file, WRITE_DB.way_out):
            write = stack.enter_context(open_to_audit(file, WRITE_DB))
            for what in (*foreign_objects(write, WRITE_DB), *damage(write, WRITE_DB)):
                self._findings.fault("write database", str(file), what, WRITE_DB.way_out)
        return write

    def _check_generation(self, reads: RebuiltReads | None, found: Bounds) -> None:
        """Check the read database as far as that takes no events."""
        if reads is not None:
            reads.check_position(found.head.position)
        elif found.head.position > 0 and serving_generation(self._folder.read) is None:
            what = "no generation of the read database serves: the pointer `current` is missing or damaged"
            self._findings.fault("reads", str(self._folder.read), what, FILL_ANEW)

    def _compare(
        self, write: sqlite3.Connection, found: Bounds, commands: Commands, reads: RebuiltReads | None
    ) -> None:
        """Read the write database, and hold everything against its events."""
        file = self._folder.write_db
        history = History(self._domain, file, found, self._expected, self._findings)
        with self._findings.reading(f"{file}, outcomes", WRITE_DB.way_out) as outcomes:
            commands.read_outcomes(write, partial(self._progress, "outcomes"))
        with self._findings.reading(f"{file}, events", WRITE_DB.way_out) as events:
            self._read_events(write, found, history, commands, reads)
        if not events.is_whole:
            self._findings.note("Not all events could be read, so nothing else was held against them.")
            return
        if outcomes.is_whole:
            with self._findings.reading(f"{file}, outcomes", WRITE_DB.way_out):
                commands.compare(write)
        with self._findings.reading(f"{file}, states", WRITE_DB.way_out):
            self._compare_states(write, history)
        with self._findings.reading(f"{file}, claims", WRITE_DB.way_out):
            self._compare_claims(write)
        compare_effects(
            self._folder.effects_db, write, found.head.position, self._findings, partial(self._progress, "effects")
        )
        if self._findings.has("events"):
            self._findings.note("The read database was not held against a history that is not as it was written.")
        elif reads is not None:
            with self._findings.reading(reads.file, FILL_ANEW):
                reads.compare(partial(self._sound_events, write), partial(self._progress, "read database"))

    def _read_events(
        self,
        write: sqlite3.Connection,
        found: Bounds,
        history: History,
        commands: Commands,
        reads: RebuiltReads | None,
    ) -> None:
        head = found.head.position
        for events in self._sound_events(write, 0, head):
            commands.audit.add_made(history.add(events))
            if reads is not None:
                reads.add(events, min(head, reads.position_found))
            self._findings.checked.events += len(events)
            self._progress("events", self._findings.checked.events, head)
        commands.audit.add_made(history.finish())
        self._findings.checked.streams = len(history.streams)

    def _sound_events(self, write: sqlite3.Connection, after: int, upto: int) -> Iterator[list[EventRecord]]:
        """Yield pages of events, having named those that are malformed."""
        for page in audited_events(write, after, upto):
            sound: list[EventRecord] = []
            for event in page:
                if isinstance(event, Malformed):
                    self._findings.fault("events", f"{self._folder.write_db}, event {event.key}", event.what)
                else:
                    sound.append(event)
            yield sound

    def _compare_states(self, write: sqlite3.Connection, history: History) -> None:
        total = state_count(write)
        for page in audited_states(write):
            for record in page:
                if isinstance(record, Malformed):
                    self._findings.fault("states", f"{self._folder.write_db}, state of {record.key}", record.what)
                    continue
                history.compare_state(record, partial(events_of_stream, write, record.stream, limit=None))
            self._findings.checked.states += len(page)
            self._progress("states", self._findings.checked.states, total)
        history.finish_states()

    def _compare_claims(self, write: sqlite3.Connection) -> None:
        for claim in audited_claims(write):
            self._findings.checked.claims += 1
            if isinstance(claim, Malformed):
                self._findings.fault("claims", f"{self._folder.write_db}, claim {claim.key!r}", claim.what)
            elif not claim.is_known:
                where = f"{self._folder.write_db}, claim {claim.name} {claim.value!r}"
                what = f"it is held by {claim.stream}, a stream of which nothing was ever handled"
                self._findings.fault("claims", where, what)
