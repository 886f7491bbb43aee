"""The order of one sender's commands, kept where some of them are turned away."""

__all__ = ["Turns"]


class Turns:
    """A row of commands whose order counts: once one is turned away for a reason that passes, so are those after it.

    What was accepted is then all that stands before it, so its sender goes on from there, in order. A command that is
    refused for its own faults holds up nobody. Only the event loop touches it.
    """

    __slots__ = ("_missed", "_taken")

    def __init__(self) -> None:
        self._taken = 0
        self._missed: int | None = None

    @property
    def are_broken_off(self) -> bool:
        """Whether a command was turned away, so that no new one is accepted any more."""
        return self._missed is not None

    def take(self) -> int:
        """Return the turn of the next command."""
        self._taken += 1
        return self._taken

    def miss(self, turn: int) -> None:
        """Note that the command of that turn was turned away."""
        self._missed = turn if self._missed is None else min(turn, self._missed)

    def are_over(self, turn: int) -> bool:
        """Tell whether a command before the one of that turn was turned away."""
        return self._missed is not None and turn > self._missed
