"""An actor: one task that owns its state, fed by a mailbox, with a life in three phases.

*Start* restores what it knows from what is durable. *Run* takes messages in batches, in order, one batch at a time.
*Stop* tells everybody who still waits what became of their message, however the actor ended. A new actor takes over
from the durable cursor; nothing of the old one is reused.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import anyio

from .clock import Clock
from .mailbox import Mailbox
from .meter import Meter

__all__ = ["Actor"]

M = TypeVar("M")


class Actor(Generic[M]):
    """What all actors share: the mailbox and the loop over it.

    An actor overrides `start`, `handle` and `stop` as it needs, and may name `companions`: tasks that run beside the
    loop, such as the one that follows a log into the mailbox.
    """

    def __init__(self, clock: Clock, *, mailbox: int, batch: int) -> None:
        self.clock = clock
        self.mailbox: Mailbox[M] = Mailbox(mailbox)
        self.batch = batch
        """The most messages that `handle` gets at once."""
        self.cursor = 0
        """How far in its source it has come: durable, and restored by `start`."""
        self.oldest = 0
        """When the oldest message in hand was made, by the wall clock in microseconds; 0 while there is none."""
        self.meter = Meter(clock)

    async def start(self) -> None:
        """Restore what is known from what is durable, before the first message."""

    async def handle(self, messages: Sequence[M]) -> None:
        """Handle one batch of messages."""
        raise NotImplementedError

    def made_at(self, message: M) -> int:  # noqa: ARG002 - it is there to be overridden
        """Return when `message` was made, by the wall clock in microseconds; 0 where that does not matter."""
        return 0

    async def finish(self) -> None:
        """Finish what is under way, after the last message of a closed mailbox."""

    def stop(self, unhandled: Sequence[M]) -> None:
        """Answer everybody who still waits. `unhandled` are the messages left in the mailbox."""

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return the tasks that run beside the loop; they end with it."""
        return ()

    async def run(self, started: Callable[[], None]) -> None:
        """Live: start, handle messages until the mailbox is closed and empty, stop.

        Calls `started` between the first phase and the second. Whatever is raised in any phase passes through.
        """
        try:
            await self.start()
            started()
            async with anyio.create_task_group() as tasks:
                for companion in self.companions():
                    tasks.start_soon(companion)
                while messages := await self.mailbox.receive(self.batch):
                    self.oldest = self.made_at(messages[0])
                    await self.handle(messages)
                    self.oldest = 0
                    self.meter.count(len(messages))
                    del messages  # what nobody needs is let go at once, and not when the next ones come
                await self.finish()
                tasks.cancel_scope.cancel()
        finally:
            self.stop(self.mailbox.abandon())
