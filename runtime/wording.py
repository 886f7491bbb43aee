"""How numbers of things are told to people."""

__all__ = ["counted"]


def counted(number: int, what: str) -> str:
    """Return `number` with its noun: ``1 fault``, ``2 faults``."""
    return f"{number} {what}" + ("" if number == 1 else "s")
