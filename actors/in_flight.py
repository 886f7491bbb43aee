"""The commands that are under way: admitted, and without an outcome yet.

The validator enters a command before it asks anything about it, the handler takes it out once its outcome is durable.
So an id that is found neither here nor, after that, among the outcomes is a new one. The table lives as long as the
process; the validator reads back from the log what a predecessor left unhandled before it admits anything.
Only the event loop touches it.
"""

import heapq
from collections.abc import Iterable
from itertools import count
from typing import Any

from msgspec import Struct

from ..stores.errors import TwofoldError
from ..stores.records import LoggedCommand, Offset, Outcome, Position
from .kernel.demand import Demand
from .submission import CommandIdReused, Submission

__all__ = ["Flight", "InFlight"]


class Flight(Struct, gc=False):
    """One command under way, and everybody who waits for it under its id."""

    digest: bytes
    command: Any
    """The command as it comes back from its stored form, where that may be handed on."""
    waiting: list[Submission]
    offset: Offset = 0
    """0 until the command is durable."""


class InFlight:
    """All commands under way by their ids, and those whose events are still to be projected."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._unprojected: list[tuple[Position, int, Submission]] = []
        self._order = count()
        self._projected: Position = 0
        self._halted: str | None = None
        self.logged = 0
        """How many of them are in the log: accepted, and not yet handled."""
        self.handling = Demand()
        """Who makes the handler haste: the senders who wait until a command under way is handled, or longer. Those who
        wait for its watermark are counted here too."""
        self.projecting = Demand()
        """Who makes the projector haste: the senders whose command is handled and who wait until its events are
        projected. Those who wait for its watermark, queries above all, are counted here too."""

    def join(self, submission: Submission, command_id: str, digest: bytes, command: Any = None) -> bool:
        """Let `submission` wait for the command under its id; return whether it is the first one to do so.

        Raises:
            CommandIdReused: another command is under way under that id.
        """
        flight = self._flights.get(command_id)
        if flight is not None and flight.digest != digest:
            raise CommandIdReused(command_id)
        if submission.until != "accepted":
            self.handling.rise()
        if flight is None:
            self._flights[command_id] = Flight(digest, command, [submission])
            return True
        submission.repeated = True
        flight.waiting.append(submission)
        if flight.offset:
            submission.accepted(flight.offset)
        return False

    def accepted(self, command_id: str, offset: Offset) -> None:
        """Note that the command under `command_id` is durable at `offset`."""
        flight = self._flights.get(command_id)
        if flight is None:
            return  # the handler was faster
        flight.offset = offset
        self.logged += 1
        for submission in flight.waiting:
            submission.accepted(offset)

    def command_at(self, command_id: str, offset: Offset) -> Any | None:
        """Return the command logged at `offset` as it comes back from the log, if that is still known."""
        flight = self._flights.get(command_id)
        return flight.command if flight is not None and flight.offset == offset else None

    def refuse(self, command_id: str, error: TwofoldError) -> None:
        """Answer everybody who waits for the command under `command_id` with `error`, and free the id."""
        flight = self._flights.pop(command_id, None)
        if flight is None:
            return  # the handler was faster
        for submission in flight.waiting:
            if submission.until != "accepted":
                self.handling.fall()
            submission.refuse(error)

    def handled(self, outcome: Outcome) -> None:
        """Answer everybody who waits for the command with its `outcome`, which is durable by now."""
        flight = self._flights.pop(outcome.command_id, None)
        if flight is None:
            return
        if flight.offset:
            self.logged -= 1
        for submission in flight.waiting:
            if submission.until != "accepted":
                self.handling.waiting -= 1
            self.answer(submission, outcome)

    def answer(self, submission: Submission, outcome: Outcome) -> None:
        """Answer `submission` with `outcome`, now or as soon as its events are projected."""
        submission.handled(outcome)
        if submission.until != "projected":
            return
        if outcome.position <= self._projected:
            submission.projected()
        elif self._halted is not None:
            submission.not_projected(self._halted)
        else:
            heapq.heappush(self._unprojected, (outcome.position, next(self._order), submission))
            self.projecting.rise()

    def projected(self, position: Position) -> None:
        """Answer everybody whose events the read database holds, now that it is at `position`."""
        self._projected = position
        while self._unprojected and self._unprojected[0][0] <= position:
            heapq.heappop(self._unprojected)[2].projected()
            self.projecting.waiting -= 1

    def projection_halted(self, why: str) -> None:
        """Answer everybody who waits for the read database, now or later, that it stands still."""
        self._halted = why
        for _, _, submission in self._unprojected:
            submission.not_projected(why)
            self.projecting.fall()
        self._unprojected.clear()

    def restore(self, unhandled: Iterable[LoggedCommand]) -> None:
        """Enter what the log holds past the handler's cursor, keeping those who already wait for it."""
        for logged in unhandled:
            command = logged.command
            flight = self._flights.setdefault(command.command_id, Flight(command.digest, None, []))
            if not flight.offset:
                self.accepted(command.command_id, logged.offset)

    def fail_all(self) -> None:
        """Answer everybody who still waits with what is known, because nobody handles commands any more."""
        for flight in self._flights.values():
            for submission in flight.waiting:
                if submission.until != "accepted":
                    self.handling.fall()
                submission.expire()
        for _, _, submission in self._unprojected:
            self.projecting.fall()
            submission.expire()
        self._flights.clear()
        self._unprojected.clear()
        self.logged = 0
