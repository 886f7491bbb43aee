"""A pipe into a process: what is written is read, and until it is closed nobody knows whether more will come."""

import os
from types import TracebackType
from typing import Self


class Pipe:
    """Both ends of a pipe; leaving the block closes what is still open."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def write(self, data: bytes) -> None:
        """Write all of `data`, waiting for its reader."""
        while data:
            data = data[os.write(self._writing, data) :]

    def close(self) -> None:
        """Say that no more will come."""
        os.close(self._writing)
        self._writing = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self.reading)
        if self._writing >= 0:
            self.close()
