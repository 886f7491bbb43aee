"""Waiting for room on a full device: what was accepted is not given up, and writing resumes by itself."""

from collections.abc import Awaitable, Callable

import structlog
from anyio import CancelScope

from ..stores.errors import DiskFull
from .kernel.clock import Clock

__all__ = ["Space"]

_BETWEEN_TRIES = 1.0

_log = structlog.get_logger("twofold")


class Space:
    """Who waits for room, so that no more commands are taken in meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting = 0

    @property
    def is_short(self) -> bool:
        """Whether a write waits for room."""
        return self._waiting > 0

    async def write(self, write: Callable[[], Awaitable[object]]) -> None:
        """Make a write, and make it again every second for as long as the device is full.

        The write itself is shielded: whoever is cancelled in it goes on until its next wait, and so can note that
        what it wrote is durable.
        """
        waits = False
        try:
            while True:
                try:
                    with CancelScope(shield=True):
                        await write()
                    if waits:
                        _log.warning("has space again")
                    return
                except DiskFull as full:
                    if not waits:
                        waits = True
                        self._waiting += 1
                        _log.error("waiting for space", cause=str(full))
                    await self._clock.sleep(_BETWEEN_TRIES)
        finally:
            self._waiting -= waits
