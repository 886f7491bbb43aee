"""What is told of a command and of an outcome: the same words for one command a request and for a row of them."""

from datetime import datetime

from msgspec import Struct

from ...actors.domain import moment
from ...actors.submission import Receipt, Stage
from ...stores.records import Fault, Offset, Outcome, OutcomeStatus, Position, StreamId, Version
from ..submitting import AnswerToCommand
from .problems import CONFLICT, FAILED, REJECTED, TIMED_OUT, Problem, problem, problem_of

__all__ = ["CommandTold", "OutcomeTold", "tell_command", "tell_outcome"]

NEXT_STEPS = {
    "rejected": (REJECTED, "Nothing has changed. A command that is mended is another one: give it an id of its own."),
    "conflict": (CONFLICT, "Nothing has changed. Read the stream, decide again, and give the command another id."),
    "failed": (FAILED, "Nothing has changed. Mend the rule, then send the command under another id."),
}


class OutcomeTold(Struct, frozen=True, omit_defaults=True):
    """What became of a command."""

    command_id: str
    offset: Offset
    outcome: OutcomeStatus
    stream: StreamId
    version: Version
    """The stream's version after the command."""
    events: int
    position: Position
    """That of its last event, or 0 where it made none."""
    time: datetime
    faults: tuple[Fault, ...] = ()


class CommandTold(Struct, frozen=True, omit_defaults=True):
    """How far an accepted command has come."""

    status: int
    command_id: str
    offset: Offset
    stage: Stage
    line: int | None = None
    """The line of a row of commands that it is about."""
    outcome: OutcomeStatus | None = None
    stream: StreamId | None = None
    version: Version | None = None
    events: int | None = None
    position: Position | None = None
    """That of its last event: what a query takes as `min_position`."""
    repeated: bool = False
    """Whether the id had been accepted before, so that this is the first one's answer."""
    projector_halted: str | None = None
    """Why the stage `projected` was not waited for."""
    faults: tuple[Fault, ...] = ()
    """Why the outcome is none that changes anything, where the wait was for less."""


def tell_outcome(outcome: Outcome) -> OutcomeTold:
    """Return what is told of `outcome`."""
    return OutcomeTold(
        outcome.command_id,
        outcome.offset,
        outcome.status,
        outcome.stream,
        outcome.version,
        outcome.events,
        outcome.position,
        moment(outcome.time),
        outcome.faults,
    )


def tell_command(answer: AnswerToCommand, wait: Stage, line: int | None = None) -> CommandTold | Problem:
    """Return what is told to who sent a command and waited for the stage `wait`."""
    if not isinstance(answer, Receipt):
        return problem_of(answer, line=line)
    facts = {
        "line": line,
        "command_id": answer.command_id,
        "offset": answer.offset,
        "stage": answer.stage,
        "repeated": answer.repeated,
    }
    outcome = answer.outcome
    if answer.timed_out:
        detail = f"The command is {answer.stage} at offset {answer.offset} and goes on. Ask for its outcome by its id."
        return problem(TIMED_OUT, detail, **facts)
    if outcome is None:
        return CommandTold(202, answer.command_id, answer.offset, answer.stage, line, repeated=answer.repeated)
    if outcome.status != "handled" and wait != "accepted":
        kind, next_step = NEXT_STEPS[outcome.status]
        return problem(kind, f"{_said_by(outcome)}. {next_step}", faults=outcome.faults, **facts)
    return CommandTold(
        202 if wait == "accepted" else 200,
        answer.command_id,
        answer.offset,
        answer.stage,
        line,
        outcome.status,
        outcome.stream,
        outcome.version,
        outcome.events,
        outcome.position,
        answer.repeated,
        answer.projector_halted,
        outcome.faults,
    )


def _said_by(outcome: Outcome) -> str:
    said = "; ".join(" ".join(filter(None, (fault.path, fault.code, fault.message))) for fault in outcome.faults)
    return f"{outcome.stream} at version {outcome.version}: {said or outcome.status}"
