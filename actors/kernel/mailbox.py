"""A bounded mailbox: what was sent to an actor and not yet taken by it.

The signature tells the scheduling: `tell` never waits and refuses when the box is full; `send` waits for room. One
actor receives, any number of tasks send. A mailbox is memory only: what must not be lost is durable before it is sent.
"""

from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Generic, TypeVar

import anyio
from anyio.lowlevel import checkpoint

__all__ = ["Mailbox", "MailboxClosed", "MailboxFull"]

M = TypeVar("M")

TURNS = 4
"""Turns of the event loop in which a request comes from its socket to the last mailbox on its way."""


class MailboxFull(Exception):
    """The mailbox holds as many messages as it may; try again once the actor has taken some."""


class MailboxClosed(Exception):
    """The actor takes no more messages: it stops, or was replaced by a new one."""


class Mailbox(Generic[M]):
    """A first-in, first-out queue of at most `capacity` messages."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._messages: deque[M] = deque()
        self._closed = False
        self._filled = anyio.Event()
        self._drained = anyio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def closed(self) -> bool:
        """Whether it takes no more messages."""
        return self._closed

    def tell(self, message: M) -> None:
        """Put `message` in, at once.

        Raises:
            MailboxFull: there is no room.
            MailboxClosed: the actor takes no more.
        """
        if self._closed:
            raise MailboxClosed
        if len(self._messages) >= self.capacity:
            raise MailboxFull
        self._messages.append(message)
        self._filled.set()

    async def send(self, message: M) -> None:
        """Put `message` in, waiting for room where there is none.

        Raises:
            MailboxClosed: the actor takes no more.
        """
        while len(self._messages) >= self.capacity and not self._closed:
            await self._wait_for_room()
        self.tell(message)

    async def send_all(self, messages: Sequence[M]) -> None:
        """Put `messages` in, in order, waiting for room wherever there is none.

        Raises:
            MailboxClosed: the actor takes no more; it has those that were put in before.
        """
        sent = 0
        while sent < len(messages):
            room = self.capacity - len(self._messages)
            if room <= 0 and not self._closed:
                await self._wait_for_room()
                continue
            if self._closed:
                raise MailboxClosed
            self._messages.extend(messages[sent : sent + room])
            self._filled.set()
            sent += room

    async def receive(self, limit: int) -> list[M]:
        """Return up to `limit` messages as soon as there is one, or none once the mailbox is closed and empty."""
        await self._wait_for_a_message()
        return self._take(limit)

    async def receive_gathered(self, limit: int, seconds: float) -> list[M]:
        """Return messages as `receive` does, once the event loop brings no more of them, or after `seconds`."""
        await self._wait_for_a_message()
        last, turns, ends = len(self._messages), 0, monotonic() + seconds
        while turns < TURNS and len(self._messages) < limit and monotonic() < ends:
            await checkpoint()
            turns = turns + 1 if len(self._messages) == last else 0
            last = len(self._messages)
        return self._take(limit)

    def _take(self, limit: int) -> list[M]:
        if len(self._messages) <= limit:
            taken = list(self._messages)
            self._messages.clear()
        else:
            taken = [self._messages.popleft() for _ in range(limit)]
        self._drained.set()
        return taken

    def close(self) -> None:
        """Take no more messages; those inside are still received."""
        self._closed = True
        self._filled.set()
        self._drained.set()

    def abandon(self) -> list[M]:
        """Close it and return the messages that nobody will receive any more."""
        self.close()
        left = list(self._messages)
        self._messages.clear()
        return left

    async def _wait_for_a_message(self) -> None:
        while not (self._messages or self._closed):
            self._filled = anyio.Event()
            await self._filled.wait()

    async def _wait_for_room(self) -> None:
        if self._drained.is_set():  # else others wait for this one already, and must not be left behind
            self._drained = anyio.Event()
        await self._drained.wait()
