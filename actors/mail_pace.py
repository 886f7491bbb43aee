"""How fast mail leaves: a bucket that fills at a steady rate and holds no more than what the next mail takes."""

from .kernel.clock import Clock

__all__ = ["Pace"]


class Pace:
    """Spreads what is taken evenly, `rate` a second; a pause earns no burst afterwards."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = clock.monotonic()

    async def take(self, count: int) -> None:
        """Return when `count` may leave. Who asks first leaves first."""
        now = self._clock.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + count / self._rate
        if start > now:
            await self._clock.sleep(start - now)
