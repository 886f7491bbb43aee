"""What is to be reached, from the table of the design: every figure a ratio, but for memory."""

from collections.abc import Sequence

from msgspec import Struct

from .columns import aligned

__all__ = ["Goal", "goal_table"]


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


def goal_table(goals: Sequence[Goal]) -> str:
    """Return each goal beside what was reached."""
    if not goals:
        return ""
    rows = [("goal", "reached", "now", "goal", "")]
    for goal in goals:
        sign = ">=" if goal.at_least else "<="
        verdict = "goal" if goal.is_met() else "now" if goal.is_met_now() else "missed"
        rows.append((goal.what, f"{goal.reached:.3g}", f"{sign} {goal.now:g}", f"{sign} {goal.wanted:g}", verdict))
    return aligned(rows)
