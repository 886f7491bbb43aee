"""All goals of all scenarios in one table: what was to be reached, what was, and the ratio of the two."""

from collections.abc import Sequence

from .columns import aligned
from .goals import Goal

__all__ = ["goal_rows", "summary"]

HEAD = ("what", "goal", "reached", "of the goal", "")


def goal_rows(goals: Sequence[Goal]) -> list[tuple[str, str, str, str, str]]:
    """Return a row for each goal; the ratio is 1 or more where it is met, whichever way it is held."""
    return [HEAD, *(_row(goal) for goal in goals)]


def summary(goals: Sequence[Goal]) -> str:
    """Return the table as text."""
    return aligned(goal_rows(goals)) if goals else "No scenario was measured that has a goal."


def _row(goal: Goal) -> tuple[str, str, str, str, str]:
    ratio = goal.reached / goal.wanted if goal.at_least else goal.wanted / goal.reached
    wanted = f"{'≥' if goal.at_least else '≤'} {goal.wanted:g}"
    return goal.what, wanted, f"{goal.reached:.3g}", f"{ratio:.2f}", "met" if goal.is_met() else "missed"
