"""Following what somebody else makes durable, the log or the event feed, into an actor's mailbox."""

from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import Protocol, TypeVar

import anyio

from .demand import Demand
from .mailbox import Mailbox

__all__ = ["Gathering", "Source", "follow"]

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)

GATHERING = 0.01
"""Seconds. A batch of commands costs some 0.8 ms of a processor however few they are, and its sync holds up that of the
log: where one sender after another waits until it is accepted, gathering the handler's work for so long makes each wait
0.6 as long. Twice as much makes it 0.5, and the newest events are seen twice as late."""
GATHERING_MANY = 0.05
"""Seconds, where messages come fast: what a batch costs besides them counts then, and they are seen later anyhow. Where
64 senders over HTTP wait until they are accepted, a command takes 0.9 of the processor's time."""
FAST = 3_200
"""Messages a second, over the last part: 32 of them in 10 ms."""


class Source(Protocol[M_co]):
    """Numbered messages without end, in order."""

    async def wait(self, after: int) -> None:
        """Return as soon as there is a message past the number `after`."""

    async def read(self, after: int, limit: int) -> Sequence[M_co]:
        """Return up to `limit` messages that follow the number `after`, and at least one where there is one."""


class Gathering:
    """Lets messages gather for a moment, unless somebody waits for what becomes of them.

    It goes by the machine's own clock and by no other: a test that holds an actor's time still holds up no message.
    """

    def __init__(self, demand: Demand, seconds: float = GATHERING) -> None:
        self._demand = demand
        self._seconds = seconds
        self._ended = -inf
        self._before = -inf
        """When the rest before that had ended."""

    async def rest(self, last: int, limit: int) -> None:
        """Return once the last rest has ended so many seconds ago, or as soon as somebody waits.

        The `last` part had so many messages, of `limit` at the most: where it was full, there is plenty to do already.
        """
        took = max(self._seconds, self._ended - self._before)
        seconds = max(self._seconds, GATHERING_MANY) if last >= FAST * took else self._seconds
        left = self._ended + seconds - monotonic()
        if left > 0 and last < limit:
            with anyio.move_on_after(left):
                await self._demand.wait()
        self._before, self._ended = self._ended, monotonic()


async def follow(
    source: Source[M],
    mailbox: Mailbox[M],
    after: int,
    limit: int,
    number: Callable[[M], int],
    gathering: Gathering | None = None,
) -> None:
    """Put all that comes past `after` into `mailbox`, as far as there is room, in parts of up to `limit` messages.

    `number` returns a message's own. Messages gather between parts, unless the last part was as large as it may be.
    """
    last = 0
    while True:
        await source.wait(after)
        if gathering is not None:
            await gathering.rest(last, limit)
        messages = await source.read(after, limit)
        await mailbox.send_all(messages)
        after = number(messages[-1])
        last = len(messages)
        del messages  # they are not kept until there are more
