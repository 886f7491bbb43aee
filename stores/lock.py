"""One process per data folder: an advisory lock on a file in it, which the system drops when its holder ends."""

import errno
import fcntl
import os
from pathlib import Path

from .errors import DiskFull, FolderRefused, Locked, StorageFailed
from .files import is_full

__all__ = ["FolderLock", "holder_address", "lock_holder", "note_address"]

_NAME = "lock"
_WRONG_PLACE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}
)


class FolderLock:
    """The exclusive right to write in a data folder, held until `release` or the end of the process.

    The descriptor is closed in programs that this process starts, so that none of them keeps the lock. The file holds
    the holder's process id in decimal and, once it serves, its address, for people; the lock is the ``flock``, and a
    file left behind locks nothing.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock of `folder`, which is made where it is missing.

        Raises:
            Locked: another process has it; its id is in the error where it could be read.
            FolderRefused: there can be no such folder, or this process may not write in it.
            DiskFull: there is no room for it.
            StorageFailed: the file could not be opened or written.
        """
        path = folder / _NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if error.errno in _WRONG_PLACE:
                raise FolderRefused(folder, error) from error
            if is_full(error):
                raise DiskFull(path) from error
            raise StorageFailed(path, "open", error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            holder, address = _read(self._descriptor)
            self.release()
            if error.errno == errno.EWOULDBLOCK:
                raise Locked(folder, holder, address) from error
            if is_full(error):
                raise DiskFull(path) from error
            raise StorageFailed(path, "locking", error) from error

    def release(self) -> None:
        """Let the next process have the folder. Releasing twice does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def lock_holder(folder: Path) -> int | None:
    """Return the id of the process that holds the lock of `folder`, or ``None`` if none does.

    It takes no lock, not even for a moment, so that a process that starts meanwhile is not turned away: the kernel's
    list of locks says whether the process that the file names holds it. The list's device numbers are left out of
    the comparison: on btrfs they differ from those of the file.
    """
    try:
        descriptor = os.open(folder / _NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        inode, (pid, _) = os.fstat(descriptor).st_ino, _read(descriptor)
    finally:
        os.close(descriptor)
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        _, kind, *rest = line.split()
        if kind == "FLOCK" and rest[2:3] == [str(pid)] and rest[3].endswith(f":{inode}"):
            return pid
    return None


def holder_address(folder: Path) -> str | None:
    """Return where the process that holds the lock of `folder` takes requests, if it has noted that."""
    descriptor = os.open(folder / _NAME, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read(descriptor)[1]
    finally:
        os.close(descriptor)


def note_address(folder: Path, url: str) -> None:
    """Tell where this process, which holds the lock of `folder`, takes requests: whoever finds it locked is told so.

    Raises:
        StorageFailed: the file could not be written.
    """
    path = folder / _NAME
    try:
        with path.open("r+b", buffering=0) as file:  # closing it drops no lock: a flock is its own descriptor's
            file.write(f"{os.getpid()}\n{url}\n".encode())
    except OSError as error:
        raise StorageFailed(path, "write", error) from error


def _read(descriptor: int) -> tuple[int | None, str | None]:
    """Return the process that the file of a lock names, and where that takes requests."""
    pid, _, address = os.pread(descriptor, 256, 0).decode("ascii", "replace").partition("\n")
    return int(pid) if pid.isdecimal() else None, address.strip() or None
