"""Whether a consumer of effects has anything left to do that it can do by itself."""

import anyio

from .kernel.watermark import Watermark

__all__ = ["Quiet"]


class Quiet:
    """Whether a consumer has nothing left to do without somebody's help. It belongs to the role, not to an actor."""

    def __init__(self) -> None:
        self.rendered = Watermark()
        """How far the consumer's effects are in the ledger."""
        self.mending = anyio.Lock()
        """Held where an operator's hand would meet a start, or a pause: what one writes the other has read."""
        self._is_quiet = anyio.Event()

    def note(self, *, quiet: bool) -> None:
        """Say whether there is nothing to send or to wait for."""
        if quiet:
            self._is_quiet.set()
        elif self._is_quiet.is_set():
            self._is_quiet = anyio.Event()

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to send or to wait for."""
        return self._is_quiet.is_set()

    async def wait(self) -> None:
        """Return once there is nothing to send or to wait for."""
        await self._is_quiet.wait()
