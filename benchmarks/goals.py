"""What is to be reached, from the table of the design: every figure a ratio, but for memory."""

from msgspec import Struct

__all__ = ["Goal"]


class Goal(Struct, frozen=True):
    """A figure, what it must be today, and what it is to be."""

    what: str
    reached: float
    now: float
    wanted: float
    at_least: bool

    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self._passes(self.wanted)

    def is_met_now(self) -> bool:
        """Whether it is as good as it must be today."""
        return self._passes(self.now)

    def _passes(self, bound: float) -> bool:
        return self.reached >= bound if self.at_least else self.reached <= bound
