"""A file system in memory that knows what a power cut would leave: written bytes and names, and synced ones."""

import errno
from collections.abc import Callable
from pathlib import Path

from twofold.stores.files import Files

SECTOR = 512


class PowerCut(BaseException):
    """The machine stopped; no code of the process runs on."""


class _File:
    def __init__(self, data: bytes = b"") -> None:
        self.written = bytearray(data)
        self.synced = data
        self.is_lost = False
        """A sync failed: what was written shows in the cache, and no later sync will write it."""


class SimulatedDisk(Files):
    """Files whose bytes last once `sync` returned, and whose names last once `sync_folder` did.

    Every call that changes something is one step. Before step `stop_at` the power is cut; step `fail_at` fails with
    `error`, a write after its first half.
    """

    def __init__(self, files: dict[Path, bytes] | None = None) -> None:
        self.files = {path: _File(data) for path, data in (files or {}).items()}
        self.named = dict(self.files)
        """The names that a power cut leaves, and the files they lead to."""
        self.steps = 0
        self.stop_at: int | None = None
        self.fail_at: int | None = None
        self.error = errno.EIO
        self.failed: str | None = None
        """The operation that was made to fail."""
        self._open: dict[int, _File] = {}
        self._next = 1_000_000

    def contents(self) -> dict[Path, bytes]:
        """Return what a killed process leaves: everything that was written."""
        return {path: bytes(file.written) for path, file in self.files.items()}

    def after_power_cut(
        self, *, names_last: bool, bytes_of: Callable[[bytes, bytes], bytes] = lambda synced, written: synced
    ) -> dict[Path, bytes]:
        """Return what a power cut leaves: the synced names, or all (`names_last`), and of each file `bytes_of` it."""
        named = self.files if names_last else self.named
        return {path: bytes_of(file.synced, bytes(file.written)) for path, file in named.items()}

    def _fails(self, operation: str) -> bool:
        self.steps += 1
        if self.stop_at is not None and self.steps >= self.stop_at:
            raise PowerCut
        if self.steps == self.fail_at:
            self.failed = operation
        return self.steps == self.fail_at

    def _step(self, operation: str) -> None:
        if self._fails(operation):
            raise OSError(self.error, "made to fail")

    def open(self, path: Path, *, write: bool = False, create: bool = False) -> int:
        if create:
            self._step("open")
            self.files[path] = _File()
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        self._next += 1
        self._open[self._next] = self.files[path]
        return self._next

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def write(self, descriptor: int, data: bytes | memoryview, position: int) -> int:
        fails = self._fails("write")
        taken = bytes(data[: len(data) // 2]) if fails else bytes(data)
        file = self._open[descriptor]
        file.written.extend(bytes(max(0, position - len(file.written))))
        file.written[position : position + len(taken)] = taken
        if fails:
            raise OSError(self.error, "made to fail")
        return len(taken)

    def read(self, descriptor: int, length: int, position: int) -> bytes:
        return bytes(self._open[descriptor].written[position : position + length])

    def sync(self, descriptor: int) -> None:
        file = self._open[descriptor]
        file.is_lost = file.is_lost or self.steps + 1 == self.fail_at
        self._step("sync")
        if not file.is_lost:
            file.synced = bytes(file.written)

    def truncate(self, descriptor: int, size: int) -> None:
        self._step("truncate")
        del self._open[descriptor].written[size:]

    def drop_cached(self, descriptor: int) -> None:
        file = self._open[descriptor]
        if file.is_lost:
            file.written, file.is_lost = bytearray(file.synced), False

    def size(self, descriptor: int) -> int:
        return len(self._open[descriptor].written)

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.files if path.parent == folder)

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename")
        self.files[target] = self.files.pop(source)

    def remove(self, path: Path) -> None:
        self._step("remove")
        if self.files.pop(path, None) is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))

    def make_folder(self, folder: Path) -> None:
        self._step("make_folder")

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder")
        self.named = {path: file for path, file in self.named.items() if path.parent != folder}
        self.named |= {path: file for path, file in self.files.items() if path.parent == folder}
