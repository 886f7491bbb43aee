"""Waiting for room on a full device: what was accepted is not given up, and writing resumes by itself."""

from collections.abc import Awaitable, Callable

import structlog

from ..stores.errors import DiskFull
from .kernel.clock import Clock

__all__ = ["when_there_is_space"]

_BETWEEN_TRIES = 1.0


async def when_there_is_space(clock: Clock, write: Callable[[], Awaitable[None]]) -> None:
    """Make a write, and make it again every second for as long as the device is full."""
    told = False
    while True:
        try:
            return await write()
        except DiskFull as full:
            if not told:
                structlog.get_logger("twofold").error("waiting for space", cause=str(full))
                told = True
            await clock.sleep(_BETWEEN_TRIES)
