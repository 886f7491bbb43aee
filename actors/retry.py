"""When an attempt that failed is made again."""

from random import Random

from msgspec import Struct

__all__ = ["Retry"]


class Retry(Struct, frozen=True):
    """Exponential backoff with jitter. Durations are in seconds here; `App` takes them as text, such as ``"1s"``."""

    first: float = 1.0
    longest: float = 3600.0
    attempts: int = 20
    """After so many attempts that failed an effect is parked."""

    def delay(self, attempts: int, random: Random) -> float:
        """Return how long to wait after `attempts` attempts: half of the doubled delay at least, all of it at most.

        The jitter keeps effects that failed together from coming back together.
        """
        doubled = self.first * 2.0 ** min(attempts - 1, 62)
        return float(min(doubled, self.longest) * random.uniform(0.5, 1.0))
