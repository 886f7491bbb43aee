"""A program on a terminal, as a person has it: what it prints is read, and Ctrl-C is pressed."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Terminal"]

_COLOURS_AND_MOVES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
_WRITTEN_OVER = re.compile(r"[^\n]*\r(?!\n)")


class Terminal:
    """A process whose terminal this is. Leaving its block kills it and what it started, if that still runs."""

    def __init__(self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
        self._raw = b""
        self._terminal, its_end = os.openpty()
        try:
            self._process = subprocess.Popen(
                ["setsid", "--ctty", *command],
                cwd=folder,
                env=environment,
                stdin=its_end,
                stdout=its_end,
                stderr=its_end,
            )
        finally:
            os.close(its_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._terminal)

    @property
    def text(self) -> str:
        """What stands there: without colours, and without what was written over."""
        plain = _COLOURS_AND_MOVES.sub("", self._raw.decode(errors="replace"))
        return _WRITTEN_OVER.sub("", plain.replace("\r\n", "\n"))

    def until(self, pattern: str, seconds: float = 60.0) -> str:
        """Return what is printed, once `pattern` is found in it."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(1.0), self.text
        return self.text

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, b"\x03")

    def end(self, seconds: float = 60.0) -> int:
        """Wait for the end of the process and return its exit code, or the negative number of a signal."""
        deadline = time.monotonic() + seconds
        while self._read(1.0):
            assert time.monotonic() < deadline, self.text
        return self._process.wait()

    def _read(self, seconds: float) -> bool:
        """Read what is printed within `seconds`, and tell whether anybody has the terminal still open."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            said = os.read(self._terminal, 65536)
        except OSError:  # EIO: the last process that had it has closed it
            return False
        self._raw += said
        return bool(said)
