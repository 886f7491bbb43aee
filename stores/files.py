"""The seam through which every byte of the log is read, written and synced.

`Files` is the real file system. A test hands the log a subclass whose n-th write or sync fails, so each method is one
system call, and what must surround a call (going on after a short write, a temporary name and a rename) stands here
once. A call that a signal interrupts is made again by Python itself (PEP 475).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DiskFull, StorageFailed

__all__ = ["TEMPORARY", "Files", "failing", "is_full", "place_file", "write_durably"]

TEMPORARY = ".new"
"""Ends the name of a file that is not in place yet; nothing reads such a file, and opening the log removes it."""


class Files:
    """The file system of this machine; every method raises `OSError` as the call below it does."""

    def open(self, path: Path, *, write: bool = False, create: bool = False) -> int:
        """Return a descriptor of `path` for reading, or for both; `create` makes the file anew and empty."""
        flags = os.O_RDWR if write or create else os.O_RDONLY
        if create:
            flags |= os.O_CREAT | os.O_TRUNC
        return os.open(path, flags | os.O_CLOEXEC, 0o640)

    def close(self, descriptor: int) -> None:
        """Release `descriptor`."""
        os.close(descriptor)

    def write(self, descriptor: int, data: bytes | memoryview, position: int) -> int:
        """Write `data` at `position` in one call and return how many bytes were taken, which may be fewer."""
        return os.pwrite(descriptor, data, position)

    def write_all(self, descriptor: int, data: bytes, position: int) -> None:
        """Write all of `data` at `position`, going on after a short write until it is whole or a call fails."""
        written = self.write(descriptor, data, position)
        while written < len(data):
            more = self.write(descriptor, memoryview(data)[written:], position + written)
            if more == 0:
                raise OSError(errno.ENOSPC, "the file takes no more bytes")
            written += more

    def read(self, descriptor: int, length: int, position: int) -> bytes:
        """Return the `length` bytes at `position`; fewer only where the file ends."""
        data = os.pread(descriptor, length, position)
        while len(data) < length:
            more = os.pread(descriptor, length - len(data), position + len(data))
            if not more:
                break
            data += more
        return data

    def sync(self, descriptor: int) -> None:
        """Have the device keep the file's bytes and its size (``fdatasync``)."""
        os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(descriptor, size)

    def drop_cached(self, descriptor: int) -> None:
        """Forget the file's cached pages, so that the next read comes from the device."""
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def size(self, descriptor: int) -> int:
        """Return how many bytes the file holds."""
        return os.fstat(descriptor).st_size

    def names(self, folder: Path) -> list[str]:
        """Return the names in `folder`, sorted; none where there is no such folder."""
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, in the place of what has it."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Remove the file `path`."""
        path.unlink()

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and those above it that are missing."""
        folder.mkdir(parents=True, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Have the device keep the names in `folder`."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Tell whether `error` is a lack of space, which passes, and not a failure of the device."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def failing(file: Path, operation: str) -> Iterator[None]:
    """Turn an `OSError` inside into `StorageFailed` for `operation` on `file`."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(file, operation, error) from error


def write_durably(files: Files, path: Path, data: bytes) -> None:
    """Put a file of `data` at `path`, to last: after a crash the name leads to it, whole.

    Raises as `place_file` does.
    """
    place_file(files, path, data)
    with failing(path.parent, "fsync"):
        files.sync_folder(path.parent)


def place_file(files: Files, path: Path, data: bytes) -> None:
    """Put a file of `data` at `path`: after a crash the name leads to the old file, whole, or to the new one, whole.

    Which one is certain once the folder is synced, which is left to the caller.

    Raises:
        DiskFull: there was no room; the old file, if any, stands.
        StorageFailed: unknown which of the two a crash would leave.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        descriptor = files.open(temporary, create=True)
        try:
            files.write_all(descriptor, data, 0)
            with failing(temporary, "fdatasync"):
                files.sync(descriptor)
        finally:
            files.close(descriptor)
        files.rename(temporary, path)
    except OSError as error:
        if not is_full(error):
            raise StorageFailed(path, "writing it whole", error) from error
        with suppress(OSError):  # what is left under a temporary name is removed when the log is next opened
            files.remove(temporary)
        raise DiskFull(path) from error
