"""The real file system, but for the calls that a test wants to fail, fall short or wait."""

from collections.abc import Callable
from pathlib import Path

from twofold.stores.files import Files


class FaultyFiles(Files):
    """Real files; before each call of an operation that has one, its fault runs and may raise, or wait.

    `most_bytes` bounds what one write takes: further bytes need another call, as with a signal or a nearly full disk.
    """

    def __init__(self) -> None:
        self.faults: dict[str, Callable[[], None]] = {}
        self.most_bytes: int | None = None
        self.reads = 0

    def _before(self, operation: str) -> None:
        if operation in self.faults:
            self.faults[operation]()

    def write(self, descriptor: int, data: bytes | memoryview, position: int) -> int:
        self._before("write")
        return super().write(descriptor, data[: self.most_bytes], position)

    def read(self, descriptor: int, length: int, position: int) -> bytes:
        self._before("read")
        self.reads += 1
        return super().read(descriptor, length, position)

    def sync(self, descriptor: int) -> None:
        self._before("sync")
        super().sync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        self._before("truncate")
        super().truncate(descriptor, size)

    def rename(self, source: Path, target: Path) -> None:
        self._before("rename")
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._before("sync_folder")
        super().sync_folder(folder)


def fail_once(error: int) -> Callable[[], None]:
    """Return a fault that raises `OSError` with the number `error` at the first call only."""
    left = [OSError(error, "made to fail")]

    def fault() -> None:
        if left:
            raise left.pop()

    return fault
