"""How numbers of things, and times to come, are told to people."""

from math import ceil

__all__ = ["counted", "told_due"]


def counted(number: int, what: str) -> str:
    """Return `number` with its noun: ``1 fault``, ``2 faults``."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def told_due(due: int, now: int) -> str:
    """Return when something is due, of two times in microseconds: ``in 12 s``, or ``due``."""
    return f"in {ceil((due - now) / 1_000_000)} s" if due > now else "due"
