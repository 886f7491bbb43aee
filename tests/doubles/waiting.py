"""Waiting in tests for what must become so, without sleeping."""

from collections.abc import Callable

import anyio
from anyio.lowlevel import checkpoint


async def until(condition: Callable[[], object]) -> None:
    """Return once `condition` holds; give up after ten seconds."""
    with anyio.fail_after(10):
        while not condition():
            await checkpoint()


async def turns() -> None:
    """Let the event loop turn a few times, in which all that is ready gets on as far as it can without a thread."""
    for _ in range(20):
        await checkpoint()
