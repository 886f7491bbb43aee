"""Counts what a runtime does to the machine: syncs, hops to threads, transactions, statements, rows, bytes.

It counts at the seams through which all of it goes: the file seam of the log and the outbox, the calls that hand work
to a thread, SQLite's own word of each statement that it runs, and the event loop's futures and tasks.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from twofold.stores.files import Files
from twofold.stores.sqlite.database import Database

__all__ = ["Work", "counted_work"]


class Work:
    """How much of each thing was done so far, by any thread."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._noted: list[tuple[str, int]] = []  # only ever appended to, which threads may do side by side

    def note(self, what: str, amount: int = 1) -> None:
        self._noted.append((what, amount))

    def so_far(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for what, amount in self._noted:
            counts[what] += amount
        return counts

    def place_of(self, descriptor: int) -> str:
        """Return what the file of `descriptor` belongs to."""
        return self.place(Path(f"/proc/self/fd/{descriptor}").readlink())

    def place(self, file: str | Path) -> str:
        """Return what a file belongs to: `log`, `outbox`, `read`, `write.db` ..."""
        inside = Path(file).relative_to(self._data)
        return inside.parts[0] if inside.parts else "the data folder"


@contextmanager
def counted_work(data: Path) -> Iterator[Work]:
    """Count all that is done in here on the data folder `data`; a runtime opens inside."""
    work = Work(data.resolve())
    with pytest.MonkeyPatch.context() as patch:
        _count_files(patch, work)
        _count_hops(patch, work)
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=_counted_connections(work)))
        loop = asyncio.get_running_loop()
        patch.setattr(loop, "create_future", _noting(work, "futures", loop.create_future))
        patch.setattr(loop, "create_task", _noting(work, "tasks", loop.create_task))
        yield work


def _noting(work: Work, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        work.note(what)
        return call(*args, **kwargs)

    return noted


def _count_files(patch: pytest.MonkeyPatch, work: Work) -> None:
    write, sync, sync_folder = Files.write, Files.sync, Files.sync_folder

    def counted_write(self: Files, descriptor: int, data: bytes | memoryview, position: int) -> int:
        written = write(self, descriptor, data, position)
        place = work.place_of(descriptor)
        work.note(f"{place}: writes")
        work.note(f"{place}: bytes", written)
        return written

    def counted_sync(self: Files, descriptor: int) -> None:
        work.note(f"{work.place_of(descriptor)}: file syncs")
        sync(self, descriptor)

    def counted_sync_folder(self: Files, folder: Path) -> None:
        work.note(f"{work.place(folder.resolve())}: folder syncs")
        sync_folder(self, folder)

    patch.setattr(Files, "write", counted_write)
    patch.setattr(Files, "sync", counted_sync)
    patch.setattr(Files, "sync_folder", counted_sync_folder)


def _count_hops(patch: pytest.MonkeyPatch, work: Work) -> None:
    patch.setattr(to_thread, "run_sync", _noting(work, "files: hops", to_thread.run_sync))
    for kind in ("read", "write"):
        hop: Callable[[Database, Any], Any] = getattr(Database, kind)

        def counted(self: Database, job: Any, hop: Callable[[Database, Any], Any] = hop, kind: str = kind) -> Any:
            work.note(f"{work.place(self.file.resolve())}: {kind} hops")
            return hop(self, job)

        patch.setattr(Database, kind, counted)


def _counted_connections(work: Work) -> type[sqlite3.Connection]:
    class CountedConnection(sqlite3.Connection):
        """Notes each statement as SQLite runs it, and at each commit how many rows were changed."""

        def __init__(self, database: str, *args: Any, **kwargs: Any) -> None:
            super().__init__(database, *args, **kwargs)
            self.place = work.place(database.removeprefix("file:").partition("?")[0])
            self.rows = 0
            self.set_trace_callback(self.note)

        def note(self, statement: str) -> None:
            work.note(f"{self.place}: statements")
            if statement == "COMMIT":
                work.note(f"{self.place}: transactions")
                work.note(f"{self.place}: rows", self.total_changes - self.rows)
                self.rows = self.total_changes

    return CountedConnection
