"""How long a client waits for a server that is away, and when it tries again."""

from random import Random

import anyio

from ...actors.retry import Retry

__all__ = ["Patience"]

BACKOFF = Retry("100ms", "5s")


class Patience:
    """Pauses between attempts: longer each time with nothing new, from the start again after each step forward."""

    def __init__(self, seconds: float, random: Random | None = None) -> None:
        """Have patience for `seconds` without a step forward."""
        self.seconds = seconds
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._since = anyio.current_time()
        self._attempts = 0

    def moved_on(self) -> None:
        """Note a step forward."""
        self._since = anyio.current_time()
        self._attempts = 0

    def pause(self, asked: float = 0.0) -> float | None:
        """Return how many seconds to wait before the next attempt, or ``None`` at the end of the patience.

        What the server `asked` for counts where nothing has moved on, and the last attempt is made right at the end.
        """
        left = self._since + self.seconds - anyio.current_time()
        if left <= 0:
            return None
        self._attempts += 1
        delay = BACKOFF.delay(self._attempts, self._random)
        return min(left, delay if self._attempts == 1 else max(delay, asked))
