"""How much of all bodies together is in memory at once, however many connections bring them."""

from types import TracebackType
from typing import Self

import anyio

from ...actors.submission import Overloaded

__all__ = ["ROOM", "Room", "Share"]

ROOM = 64 << 20
"""Bytes of bodies, from when they are read until their commands are answered. What a connection has received and nobody
has read yet comes on top: up to 320 KiB, which the server holds for each."""


class Room:
    """Room for bodies, of which each request has a share.

    One command that finds no room is turned away. A row of commands can wait instead: it is read no further while half
    of the room is taken, so that rows whose clients are slow leave the other half to those who send one command.
    Only the event loop touches it.
    """

    def __init__(self, size: int = ROOM) -> None:
        self._size = size
        self._taken = 0
        self._freed = anyio.Event()

    @property
    def taken(self) -> int:
        """How many bytes are in memory."""
        return self._taken

    def require(self) -> None:
        """Check that there is room.

        Raises:
            Overloaded: there is none.
        """
        if self._taken >= self._size:
            raise self._no_room()

    async def wait(self, seconds: float) -> None:
        """Return once half of the room is free.

        Raises:
            Overloaded: that takes more than `seconds`. What waits for the rest of its line takes room as well, so that
                all rows may wait for each other.
        """
        if not self._is_half_full:
            return
        with anyio.move_on_after(seconds) as deadline:
            while self._is_half_full:
                if self._freed.is_set():  # else others wait for this one already, and must not be left behind
                    self._freed = anyio.Event()
                await self._freed.wait()
        if deadline.cancelled_caught:
            raise self._no_room()

    def change(self, size: int) -> None:
        """Take so many bytes more, or fewer where it is below 0."""
        self._taken += size
        if not self._is_half_full:
            self._freed.set()

    @property
    def _is_half_full(self) -> bool:
        return self._taken > self._size // 2

    def _no_room(self) -> Overloaded:
        return Overloaded("The memory for bodies of requests, in bytes,", self._size)


class Share:
    """What one request has of the room; all of it is given back at the end of the block."""

    __slots__ = ("_room", "_size")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold(0)

    def take(self, size: int) -> None:
        """Take `size` bytes more.

        Raises:
            Overloaded: there is no room.
        """
        if size:
            self._room.require()
        self.hold(self._size + size)

    def hold(self, size: int) -> None:
        """Hold `size` bytes, whatever it was before and whether or not there is room."""
        self._room.change(size - self._size)
        self._size = size
