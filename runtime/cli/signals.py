"""The signals with which a person or an init system ends a command of `twofold`."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskStatus

__all__ = ["at_a_signal"]


@asynccontextmanager
async def at_a_signal(act: Callable[[], None]) -> AsyncIterator[None]:
    """Call `act` at each SIGINT and SIGTERM that comes during the block; nothing else happens at them."""

    async def watch(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                act()

    async with anyio.create_task_group() as tasks:
        await tasks.start(watch)
        yield
        tasks.cancel_scope.cancel()
