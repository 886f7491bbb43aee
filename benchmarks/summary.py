"""All goals of all scenarios in one table: what was to be reached, what was, and the ratio of the two."""

from collections.abc import Sequence
from typing import Any

from .columns import aligned
from .goals import Goal

__all__ = ["bounds", "goal_rows", "summary"]

HEAD = ("what", "goal", "reached", "of the goal", "")


def goal_rows(goals: Sequence[Goal]) -> list[tuple[str, str, str, str, str]]:
    """Return a row for each goal; the ratio is 1 or more where it is met, whichever way it is held."""
    return [HEAD, *(_row(goal) for goal in goals)]


def summary(goals: Sequence[Goal]) -> str:
    """Return the table as text."""
    return aligned(goal_rows(goals)) if goals else "No scenario was measured that has a goal."


def bounds(goals: Sequence[Goal], stages: Sequence[dict[str, Any]]) -> str:
    """Return what bounds the rates that were missed, from the lines that `stages` left; nothing without either.

    Commands that come together share one interpreter, so what bounds them is where its time goes.
    """
    if all(goal.is_met() for goal in goals) or not stages:
        return ""
    cpu = {line["name"]: line["cpu"] for line in stages if line["record"] == "stage"}
    total, longest = sum(cpu.values()), sorted(cpu, key=cpu.__getitem__, reverse=True)[:3]
    parts = ", ".join(f"{name} {cpu[name] / total:.0%}" for name in longest)
    told = f"What bounds the rates: the stages of a command take {total:.0f} us of a processor, most of them {parts}"
    if wholes := [line["cpu"] for line in stages if line["record"] == "whole"]:
        told += f"; the whole pipeline takes {min(wholes):.0f}, the rest of it for the event loop, tasks and threads"
    looks: dict[str, int] = next((line["looks"] for line in stages if "looks" in line), {})
    if looks:
        most = max(looks, key=looks.__getitem__)
        share = looks[most] / sum(looks.values())
        told += f". Of the time in which the interpreter's lock is held, {most} have {share:.0%}"
    return f"{told}. A single task waits for the disk: see the bare hops beside it."


def _row(goal: Goal) -> tuple[str, str, str, str, str]:
    ratio = goal.reached / goal.wanted if goal.at_least else goal.wanted / goal.reached
    wanted = f"{'≥' if goal.at_least else '≤'} {goal.wanted:g}"
    return goal.what, wanted, f"{goal.reached:.3g}", f"{ratio:.2f}", "met" if goal.is_met() else "missed"
