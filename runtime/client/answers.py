"""What a server tells of a command, read back into what a runtime in this process would have returned."""

from typing import TypeAlias

from msgspec import Struct

from ...actors.submission import CommandIdReused, CommandRefused, Receipt, Stage
from ...stores.records import Fault, Offset, Outcome, OutcomeStatus, Position, StreamId, Version
from ..http_terms import TYPE_PREFIX
from ..send_summary import NoAnswer

__all__ = ["Answer", "Told", "read_answer"]

OUTCOMES: dict[str, OutcomeStatus] = {"rejected": "rejected", "version-conflict": "conflict", "failed": "failed"}
"""Problems that are a command's outcome."""
PASSES = (408, 429, 502, 503, 504, 507)
"""Statuses that may be others when the same is sent again."""

Answer: TypeAlias = Receipt | CommandRefused | CommandIdReused | NoAnswer


class Told(Struct, frozen=True):
    """A line of the server's: a command's way so far, or a problem. What it says beyond that is passed over."""

    status: int
    line: int = 0
    type: str = ""
    detail: str = ""
    command_id: str = ""
    offset: Offset = 0
    stage: Stage = "accepted"
    outcome: OutcomeStatus | None = None
    stream: StreamId = ""
    version: Version = 0
    events: int = 0
    position: Position = 0
    repeated: bool = False
    projector_halted: str | None = None
    faults: tuple[Fault, ...] = ()
    retry_after: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether the command may get another answer when it is sent again."""
        return self.status in PASSES

    @property
    def kind(self) -> str:
        """The name of the problem."""
        return self.type.removeprefix(TYPE_PREFIX)


def read_answer(told: Told, command_type: str) -> Answer:
    """Return the answer that `told` is to a command of that type."""
    if told.status < 300 or told.kind in OUTCOMES:
        status = OUTCOMES.get(told.kind, told.outcome)
        outcome = None if status is None else _outcome(told, status)
        return Receipt(
            told.command_id, told.offset, told.stage, outcome, told.repeated, projector_halted=told.projector_halted
        )
    if told.kind == "timed-out":
        return Receipt(told.command_id, told.offset, told.stage, repeated=told.repeated, timed_out=True)
    if told.kind == "command-id-reused":
        return CommandIdReused(told.command_id)
    if told.faults:
        return CommandRefused(told.command_id, command_type, told.faults)
    return NoAnswer("".join(word.capitalize() for word in told.kind.split("-")), told.detail)


def _outcome(told: Told, status: OutcomeStatus) -> Outcome:
    return Outcome(
        told.command_id,
        told.offset,
        b"",  # digest and time stay with the server
        status,
        told.stream,
        told.version,
        told.events,
        told.position,
        0,
        told.faults,
    )
