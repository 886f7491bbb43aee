"""The order of one sender's commands, kept where some of them are turned away."""

__all__ = ["Turns"]


class Turns:
    """A row of commands whose order counts: once one is turned away for a reason that passes, so are those after it.

    What was accepted is then all that stands before it, so its sender goes on from there, in order. A command that is
    refused for its own faults holds up nobody. Only the event loop touches it.
    """

    __slots__ = ("_taken", "missed")

    def __init__(self) -> None:
        self._taken = 0
        self.missed: int | None = None
        """The first turn whose command was turned away; those after it are over. Read as it is: it is asked for twice
        a command."""

    def take(self) -> int:
        """Return the turn of the next command."""
        self._taken += 1
        return self._taken

    def miss(self, turn: int) -> None:
        """Note that the command of that turn was turned away."""
        self.missed = turn if self.missed is None else min(turn, self.missed)
