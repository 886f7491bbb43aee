"""The lines of a file of commands, read as they come: each with its number, each a command or a fault, none lost."""

import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec
from anyio import to_thread, wait_readable
from msgspec import Raw, Struct

from ..stores.records import Fault

__all__ = ["LONGEST_LINE", "READ_AT_ONCE", "CommandLine", "Line", "LineReader", "blocks"]

LONGEST_LINE = 16 << 20
"""The most bytes of a line in a file; a longer one is refused and skipped."""
READ_AT_ONCE = 256 << 10
"""The most bytes of a block."""

_FORM = '{"type": NAME, "id": ID, "data": {…}}'


class CommandLine(Struct, frozen=True, forbid_unknown_fields=True):
    """What a line says."""

    type: str
    data: Raw
    id: str | None = None


class Line(NamedTuple):
    """One line that is not empty: a command, or the fault that keeps it from being one."""

    number: int
    said: CommandLine | Fault

    @property
    def command(self) -> CommandLine | None:
        """The command, if it is one."""
        return self.said if isinstance(self.said, CommandLine) else None

    @property
    def fault(self) -> Fault | None:
        """The fault, if it is no command."""
        return self.said if isinstance(self.said, Fault) else None


class LineReader:
    """Makes lines of blocks of bytes, wherever these were cut. Empty lines are counted and left out."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        """Refuse and skip lines of more than `longest` bytes."""
        self._longest = longest
        self._decode = msgspec.json.Decoder(CommandLine).decode
        self._number = 0
        self._rest = b""
        self._is_too_long = False

    @property
    def unfinished(self) -> int:
        """How many bytes there are of a line whose end has not come."""
        return len(self._rest)

    def feed(self, block: bytes) -> Iterator[Line]:
        """Yield the lines that `block` ends."""
        *whole, self._rest = (self._rest + block).split(b"\n")
        for text in whole:
            yield from self._read(text)
        if len(self._rest) > self._longest:
            self._rest, self._is_too_long = b"", True

    def end(self) -> Iterator[Line]:
        """Yield the last line, if it has no end of its own."""
        if self._rest or self._is_too_long:
            yield from self._read(self._rest)

    def _read(self, text: bytes) -> Iterator[Line]:
        self._number += 1
        if self._is_too_long or len(text) > self._longest:
            self._is_too_long = False
            fault = Fault("line.too_long", "", f"the line has more than {self._longest} bytes")
            yield Line(self._number, fault)
        elif text.strip():
            try:
                yield Line(self._number, self._decode(text))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                yield Line(self._number, Fault("line.malformed", "", f"{error}; a line is {_FORM}"))


async def blocks(source: BinaryIO, progress: Callable[[int], None]) -> AsyncIterator[bytes]:
    """Yield what `source` holds, and call `progress` with the bytes of each block.

    From a pipe, a socket or a terminal it yields what has come, as it comes, and waiting for more can be cancelled:
    whoever writes there may be slow, or never write again.
    """
    descriptor = source.fileno()
    mode = os.fstat(descriptor).st_mode
    may_be_silent = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
    while True:
        if may_be_silent:
            await wait_readable(descriptor)
            block = os.read(descriptor, READ_AT_ONCE)
        else:
            block = await to_thread.run_sync(source.read, READ_AT_ONCE)
        if not block:
            return
        progress(len(block))
        yield block
