"""Connections that share one queue of work, and as few busy threads as keep its head young.

Short reads are fastest on one busy thread: with several, each waits for the interpreter's lock, and for being woken.
Long reads must not hold up short ones. So one connection drains the queue, and another joins it only when the oldest
piece of work has waited for `PATIENCE`; a connection that finds the queue empty rests.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from anyio import CancelScope

from .connection import Connection

__all__ = ["Workers"]

T = TypeVar("T")

PATIENCE = 0.003
"""Seconds; what a short read pays at most for a long one ahead of it, while a connection rests."""


class Job:
    """A piece of work and what became of it."""

    __slots__ = ("asked", "done", "ended", "error", "result", "waiter", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], Any], done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done
        self.asked = monotonic()
        self.result: Any = None
        self.error: BaseException | None = None
        """The thread sets these two; everything else is the event loop's."""
        self.ended = False
        self.waiter: asyncio.Future[None] | None = None


class Workers:
    """Runs work on whichever of its connections takes it first. The connections are closed by who opened them."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._resting = list(connections)
        """Touched by the event loop only."""
        self._count = len(connections)
        self._jobs: deque[Job] = deque()
        """The loop appends, the threads pop."""
        self._ended: deque[Job] = deque()
        """The threads append, the loop pops."""
        self._will_deliver = False
        """Whether the loop has been asked to look at what ended, and has not begun to."""
        self._timer: asyncio.TimerHandle | None = None
        self.before_rest: Callable[[sqlite3.Connection], None] = leave_as_it_is
        """Called on the thread of a connection that finds no more work."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` whole, in one hop to a thread, and return what it returns, or raise what it raises.

        A caller that is cancelled, by a scope of anyio or by ``Task.cancel``, waits until its work has ended, and then
        is cancelled. Work that has not begun by then is not done at all.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        job = Job(work, done)
        self._jobs.append(job)
        if len(self._resting) == self._count:
            self._wake_one(loop)
        elif self._resting and self._timer is None:
            self._timer = loop.call_later(PATIENCE, self._look_after, loop)
        try:
            return await done
        except asyncio.CancelledError:
            if done.cancelled():
                await until_ended(job)
            raise

    def _wake_one(self, loop: asyncio.AbstractEventLoop) -> None:
        worker = self._resting.pop()
        worker.start(partial(self._drain, worker, loop))

    def _look_after(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let another connection join in where the oldest work has waited too long."""
        self._timer = None
        with suppress(IndexError):  # the threads may have emptied the queue just now
            if self._resting and monotonic() - self._jobs[0].asked >= PATIENCE:
                self._wake_one(loop)
            if self._resting and self._jobs:
                self._timer = loop.call_later(PATIENCE, self._look_after, loop)

    def _drain(self, worker: Connection, loop: asyncio.AbstractEventLoop, connection: sqlite3.Connection) -> None:
        """Work until the queue is empty; runs on the thread of `worker`."""
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                break
            if not job.done.cancelled():
                try:
                    job.result = job.work(connection)
                except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                    job.error = error
            self._ended.append(job)
            if not self._will_deliver:
                self._will_deliver = True
                loop.call_soon_threadsafe(self._deliver)
        with suppress(sqlite3.Error):  # which the next piece of work meets as well, and tells
            self.before_rest(connection)
        loop.call_soon_threadsafe(self._rest, worker, loop)

    def _deliver(self) -> None:
        """Hand out what ended; what ends from here on asks for another look."""
        self._will_deliver = False
        while self._ended:
            job = self._ended.popleft()
            job.ended = True
            if job.waiter is not None and not job.waiter.done():
                job.waiter.set_result(None)
            if job.done.cancelled():
                continue
            if job.error is None:
                job.done.set_result(job.result)
            else:
                job.done.set_exception(job.error)

    def _rest(self, worker: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Put `worker` to rest; work that came since it last looked wakes it again."""
        self._resting.append(worker)
        if self._jobs:
            self._wake_one(loop)


def leave_as_it_is(_connection: sqlite3.Connection) -> None:
    """Do nothing before a connection rests."""


async def until_ended(job: Job) -> None:
    """Wait until the thread is through with `job`, whoever cancels meanwhile."""
    with CancelScope(shield=True):
        while not job.ended:
            job.waiter = asyncio.get_running_loop().create_future()
            with suppress(asyncio.CancelledError):
                await job.waiter
