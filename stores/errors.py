"""The one tree of errors, and what the stores raise from it.

Each error keeps its facts as attributes and says in its message what happened, to which thing, and what to do next.
"""

import os
from pathlib import Path

__all__ = [
    "GIVE_RIGHTS",
    "BatchTooLarge",
    "ClaimTaken",
    "CommitRefused",
    "Corruption",
    "DiskFull",
    "DuplicateCommand",
    "FolderRefused",
    "ForeignAwait",
    "GenerationBehind",
    "Locked",
    "NoPreviousGeneration",
    "NoSuchStore",
    "QueryTimeout",
    "ReadOnly",
    "SchemaTooNew",
    "SchemaTooOld",
    "StatementFailed",
    "StorageFailed",
    "StoreClosed",
    "StoreError",
    "TwofoldError",
    "UnknownPartition",
    "WrongCursor",
    "WrongHead",
]


GIVE_RIGHTS = "Run as the user who owns it, or give this one the right."
"""What to do where the system denies a file to the user of this process."""


class TwofoldError(Exception):
    """The root of every error that Twofold raises on purpose."""


class StoreError(TwofoldError):
    """Something that lasts could not be read or written."""


class Corruption(StoreError):
    """Data on the disk is not what was written there; nothing is skipped, so nothing starts."""

    def __init__(self, file: Path | str, offset: int | None, what: str, next_step: str) -> None:
        self.file, self.offset, self.what, self.next_step = Path(file), offset, what, next_step
        place = f"{file}" if offset is None else f"{file} at byte {offset}"
        super().__init__(f"{place}: {what}. {next_step}")


class Locked(StoreError):
    """Another process has the data folder open, or another Runtime in this one."""

    def __init__(self, folder: Path | str, pid: int | None, address: str | None = None) -> None:
        self.folder, self.pid, self.address = Path(folder), pid, address
        if pid == os.getpid():
            super().__init__(
                f"{folder} is locked by this process itself, process {pid}. Use the Runtime that has it open, or end "
                "that first, or use another data folder."
            )
            return
        holder = "another process" if pid is None else f"process {pid}"
        if address is None:
            super().__init__(f"{folder} is locked by {holder}. Stop it first, or use another data folder.")
        else:
            super().__init__(
                f"{folder} is locked by {holder}, which takes requests at {address}. Ask it there: on the command line "
                f"with --url {address}, in a program over HTTP; or stop it first, or use another data folder."
            )


class FolderRefused(StoreError):
    """The data folder cannot be made or opened where it was asked for, for no fault of the device."""

    def __init__(self, folder: Path | str, reason: object) -> None:
        self.folder, self.reason = Path(folder), reason
        rights = f", or: {GIVE_RIGHTS}" if isinstance(reason, PermissionError) else "."
        super().__init__(f"The data folder {folder} cannot be used: {reason}. Correct [data] dir or --data{rights}")


class DiskFull(StoreError):
    """There is no room for a write; nothing of it was kept, and it may be tried again once there is."""

    def __init__(self, file: Path | str) -> None:
        self.file = Path(file)
        super().__init__(f"{file}: no space left on the device. Free some; writing resumes by itself.")


class StorageFailed(StoreError):
    """A write or a sync failed in a way that leaves unknown what the disk holds: the process must end.

    After a failed sync the page cache may show what the disk does not hold, so nothing is tried again on the same
    descriptor (what PostgreSQL learned as "fsyncgate").
    """

    def __init__(self, file: Path | str, operation: str, reason: object) -> None:
        self.file, self.operation, self.reason = Path(file), operation, reason
        is_denied = isinstance(reason, PermissionError) or "SQLITE_READONLY" in str(reason)
        then = GIVE_RIGHTS if is_denied else "Check the device, then start again."
        super().__init__(f"{file}: {operation} failed: {reason}. {then}")


class BatchTooLarge(StoreError):
    """A batch of commands is longer than the log keeps in one piece; nothing of it was written."""

    def __init__(self, count: int, size: int, limit: int) -> None:
        self.count, self.size, self.limit = count, size, limit
        super().__init__(f"{count} commands take {size} bytes, and a batch holds {limit}. Append fewer at a time.")


class UnknownPartition(StoreError):
    """The log has no partition of that number."""

    def __init__(self, partition: int, partitions: int) -> None:
        self.partition, self.partitions = partition, partitions
        super().__init__(f"There is no partition {partition}; the log has {partitions}, numbered from 0.")


class StoreClosed(StoreError):
    """The store was closed; open it anew."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} is closed. Open it again.")


class NoSuchStore(StoreError):
    """A store was to be opened to read, and there is none."""

    def __init__(self, file: Path | str) -> None:
        self.file = Path(file)
        super().__init__(f"There is no {file}. Check the path, or start Twofold there once.")


class GenerationBehind(StoreError):
    """A generation of the read database was to serve, and is not as far as the one that does."""

    def __init__(self, position: int, serving: int) -> None:
        self.position, self.serving = position, serving
        super().__init__(
            f"The generation is at position {position}, and the one that serves at {serving}. "
            "Nothing was changed; apply the events between, then let it serve."
        )


class NoPreviousGeneration(StoreError):
    """There is no earlier generation of the read database that could serve again."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"There is no way back: {reason}. Nothing was changed; fill a new generation instead.")


class ReadOnly(StoreError):
    """A store that was opened to read was asked to write."""

    def __init__(self, file: Path | str) -> None:
        self.file = Path(file)
        super().__init__(f"{file} was opened to read. Send commands to the process that runs it, or stop that first.")


class SchemaTooNew(StoreError):
    """A file was written by a newer version of Twofold than this one."""

    def __init__(self, file: Path | str, found: int, known: int) -> None:
        self.file, self.found, self.known = Path(file), found, known
        super().__init__(
            f"{file} has schema version {found}, and this version of Twofold knows up to {known}. "
            "Upgrade Twofold, or restore a backup made by this version."
        )


class SchemaTooOld(StoreError):
    """A file was written by an older version of Twofold, and whoever only reads cannot bring it on."""

    next_step = "Start Twofold on the folder once, such as with `twofold send /dev/null`: that brings it on."

    def __init__(self, file: Path | str, found: int, known: int) -> None:
        self.file, self.found, self.known = Path(file), found, known
        self.what = f"it has schema version {found}, and this version of Twofold reads {known}"
        super().__init__(f"{file}: {self.what}. {self.next_step}")


class WrongCursor(StoreError):
    """A cursor is not where its owner left it: somebody else has moved it."""

    def __init__(self, consumer: str, expected: int, actual: int) -> None:
        self.consumer, self.expected, self.actual = consumer, expected, actual
        super().__init__(
            f"The cursor of {consumer} is at {actual}, not at {expected}. "
            "Nothing was written; read the cursor and start from there."
        )


class WrongHead(StoreError):
    """Events were committed at positions that do not follow the newest one."""

    def __init__(self, expected: int, actual: int) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(
            f"The events follow position {expected}, but the newest is {actual}. "
            "Nothing was written; read the head and start from there."
        )


class DuplicateCommand(StoreError):
    """A command in a commit already has its outcome; nothing of the commit was written."""

    def __init__(self, command_id: str) -> None:
        self.command_id = command_id
        super().__init__(f"Command {command_id} already has an outcome. Answer with that one.")


class ClaimTaken(StoreError):
    """A unique value is held by another stream; nothing of the commit was written."""

    def __init__(self, name: str, value: str, holder: str) -> None:
        self.name, self.value, self.holder = name, value, holder
        super().__init__(f"{name} {value!r} is taken by {holder}. Choose another, or have {holder} release it.")


class CommitRefused(StoreError):
    """The database refused a commit for neither I/O nor space: something in it cannot be stored."""

    def __init__(self, reason: object) -> None:
        self.reason = reason
        super().__init__(f"The database refused the commit: {reason}. Nothing of it was written.")


class StatementFailed(StoreError):
    """A statement of a projection or, where it is named, of a query failed; nothing of its transaction was kept."""

    def __init__(self, sql: str, reason: object, query: str | None = None) -> None:
        self.sql, self.reason, self.query = sql, reason, query
        where = "" if query is None else f"The query {query} failed: "
        super().__init__(f"{where}{reason}, in the statement: {sql}")


class QueryTimeout(StoreError):
    """A query held its snapshot for longer than it may."""

    def __init__(self, query: str, seconds: float) -> None:
        self.query, self.seconds = query, seconds
        super().__init__(
            f"The query {query} ran for more than {seconds:g} s and was stopped. Add an index, or ask for less."
        )


class ForeignAwait(StoreError):
    """A query awaited something other than its `ReadDb`, which no event loop could answer where it runs."""

    def __init__(self, query: str, awaited: object) -> None:
        self.query, self.awaited = query, awaited
        super().__init__(
            f"The query {query} awaited {awaited!r}. It runs on a database thread: "
            "await nothing there but its ReadDb, and fetch what else it needs before or after."
        )
