"""A backup of a data folder, beside the process that has it open or without one.

What is copied first knows least: the read database, then the effect ledger, then the write database, then the log. So
the copy is a folder as a kill might leave it: whatever a file says that another one holds is there, and what the log
has beyond the rest is handled at the next start, with the outcomes that it has in the original.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from ..stores.errors import StorageFailed, TwofoldError
from ..stores.files import Files, failing
from ..stores.records import Offset
from ..stores.segments.audit import end
from ..stores.segments.copying import copy_log
from ..stores.sqlite.audit import open_to_audit
from ..stores.sqlite.copying import copy_database
from ..stores.sqlite.event_rows import cursor_value
from ..stores.sqlite.generation_files import Pointer, point_to, read_pointer
from ..stores.sqlite.migrations import EFFECTS_DB, READ_DB, WRITE_DB
from .stores import DataFolder

__all__ = ["Backup", "BackupRefused", "back_up"]

PARTIAL = ".partial"
"""Ends the name of a backup that is not whole yet; the next try to make it begins anew."""


class BackupRefused(TwofoldError):
    """No backup can be made there, for no fault of the device."""

    def __init__(self, target: Path, reason: str) -> None:
        self.target, self.reason = target, reason
        super().__init__(f"No backup was made in {target}: {reason}.")


class Backup(Struct, frozen=True):
    """A backup that was made."""

    folder: str
    log_end: Offset
    """Commands up to here are in it."""
    bytes: int


def back_up(folder: DataFolder, target: Path, tell: Callable[[str], None]) -> Backup:
    """Copy the data folder to `target`, durably, and return what is there. It blocks.

    `target` may not exist, or be an empty folder. It is there whole or not at all. Not copied are ``outbox/``, and the
    generation of the read database that is kept for a way back. `tell` is called with what is copied next.

    Raises:
        BackupRefused: `target` is something else already, or lies in the data folder.
        Corruption: a file is damaged so that it cannot be copied.
        DiskFull, StorageFailed: the device.
    """
    check_target(folder, target)
    partial = DataFolder(target.with_name(target.name + PARTIAL))
    shutil.rmtree(partial.root, ignore_errors=True)
    with failing(partial.root, "mkdir"):
        partial.root.mkdir(parents=True)
    try:
        copy_parts(folder, partial, tell)
    except BaseException:
        shutil.rmtree(partial.root, ignore_errors=True)
        raise
    with failing(target, "rename"):
        partial.root.rename(target)
        Files().sync_folder(target.parent)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    return Backup(str(target), end(DataFolder(target).log), size)


def check_target(folder: DataFolder, target: Path) -> None:
    """Refuse what cannot become a backup of `folder`."""
    if folder.root.resolve() in (target.resolve(), *target.resolve().parents):
        raise BackupRefused(target, "it is, or lies in, the data folder itself. Name another place")
    try:
        if target.exists() and any(target.iterdir()):
            raise BackupRefused(target, "there is something in it already. Name a folder that is not there yet")
    except NotADirectoryError:
        raise BackupRefused(target, "it is no folder. Name one that is not there yet") from None
    except OSError as error:
        raise StorageFailed(target, "read", error) from error


def copy_parts(folder: DataFolder, copy: DataFolder, tell: Callable[[str], None]) -> None:
    """Copy everything, in the order that keeps it together, and sync the folders."""
    pointer = read_pointer(folder.read)
    if pointer is not None:
        tell("the read database")
        copy.read.mkdir()
        file = copy.read / pointer.serving.name
        copy_database(pointer.serving, READ_DB, file)
        point_to(Pointer(file, None, is_filled=pointer.is_filled))
    if folder.effects_db.exists():
        tell("the effect ledger")
        copy_database(folder.effects_db, EFFECTS_DB, copy.effects_db)
    tell("the write database")
    copy_database(folder.write_db, WRITE_DB, copy.write_db)
    tell("the log")
    first = copy_log(folder.log, copy.log)
    with open_to_audit(copy.write_db, WRITE_DB) as events:
        if first > cursor_value(events, partition=0) + 1:
            raise BackupRefused(copy.root, "the log deleted meanwhile what the copy has not handled. Try again")
    with failing(copy.root, "fsync"):
        Files().sync_folder(copy.root)
