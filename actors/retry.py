"""When an attempt that failed is made again."""

from random import Random

from .quantities import read_duration

__all__ = ["Retry"]


class Retry:
    """Exponential backoff with jitter: ``Retry("1s", "1h", attempts=20)``."""

    def __init__(self, first: str = "1s", longest: str = "1h", *, attempts: int = 20) -> None:
        """Wait `first`, then twice as long each time, up to `longest`; after `attempts` in all an effect is parked.

        Raises:
            ValueError: that is no duration, or the first is longer than the longest, or there is no attempt.
        """
        self.first = read_duration(first)
        self.longest = read_duration(longest)
        self.attempts = attempts
        if self.first > self.longest or attempts < 1:
            raise ValueError(f"Retry({first!r}, {longest!r}, attempts={attempts}) never tries, or waits less and less")

    def delay(self, attempts: int, random: Random) -> float:
        """Return how many seconds to wait after `attempts` attempts: the doubled delay, or as little as half of it.

        The jitter keeps effects that failed together from coming back together.
        """
        doubled = self.first * 2.0 ** min(attempts - 1, 62)
        return min(doubled, self.longest) * random.uniform(0.5, 1.0)
