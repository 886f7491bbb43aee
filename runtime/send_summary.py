"""What became of the lines of a file of commands: a summary, for programs and for people."""

from collections import Counter
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from ..actors.submission import CommandIdReused, CommandRefused, NotAccepted, OutcomeUnknown, Receipt
from ..stores.records import Fault
from .command_lines import Line

__all__ = ["LineAnswer", "NoAnswer", "Summary", "Tally"]


class LineAnswer(Struct, frozen=True, omit_defaults=True):
    """What became of one line that did not go through."""

    line: int
    """Its number in the file, from 1."""
    type: str = ""
    id: str | None = None
    answer: str = ""
    """Why: the outcome of an accepted command, or the name of the error."""
    message: str = ""
    faults: tuple[Fault, ...] = ()


class Summary(Struct):
    """What became of all lines."""

    lines: int = 0
    accepted: int = 0
    repeated: int = 0
    """How many of the accepted had been accepted before, so that nothing happened."""
    timed_out: int = 0
    outcomes: dict[str, int] = {}
    codes: dict[str, int] = {}
    """How often each fault was found, refusals and outcomes together."""
    faults: int = 0
    """How many faults the refused lines have."""
    refused: list[LineAnswer] = []
    """Lines that were not accepted because of their faults."""
    rejected: list[LineAnswer] = []
    """Lines that were accepted, and whose outcome is not `handled`."""
    unanswered: list[LineAnswer] = []
    """Lines for which there was no room or no time; send them again."""
    interrupted: bool = False
    gave_up: str | None = None
    """Why the rest of the file was not sent: a server could not be reached any more, or a line was turned away."""
    projector_halted: str | None = None
    """Why the read database stands still, if it does."""
    position: int = 0
    """The position of the newest event that a line made."""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every line has its answer, no handler failed, and the read database goes on."""
        undone = self.unanswered or self.timed_out or self.interrupted or self.gave_up or self.projector_halted
        return not (undone or self.outcomes.get("failed"))


class NoAnswer(NamedTuple):
    """What a server said of a command in the place of an answer, or why it said nothing."""

    code: str
    message: str


AnswerToLine: TypeAlias = Receipt | NotAccepted | OutcomeUnknown | NoAnswer


class Tally:
    """Counts the answers as they come. Memory stays flat but for the lines that did not go through."""

    def __init__(self) -> None:
        self.summary = Summary()
        self._outcomes: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()

    def count(self, line: Line, answer: AnswerToLine | None) -> None:
        """Count a line with its answer, or ``None`` where the line itself is at fault."""
        summary = self.summary
        summary.lines += 1
        if isinstance(answer, Receipt):
            self._count_accepted(line, answer)
        elif answer is None or isinstance(answer, CommandRefused | CommandIdReused):
            faults = _faults_of(line, answer)
            summary.faults += len(faults)
            self._codes.update(fault.code for fault in faults)
            summary.refused.append(_told(line, "CommandRefused", faults=faults))
        else:
            code, message = answer if isinstance(answer, NoAnswer) else (type(answer).__name__, str(answer))
            self._codes[code] += 1
            summary.unanswered.append(_told(line, code, message))

    def result(self) -> Summary:
        """Return the summary of all that was counted."""
        self.summary.outcomes, self.summary.codes = dict(self._outcomes), dict(self._codes.most_common())
        return self.summary

    def _count_accepted(self, line: Line, receipt: Receipt) -> None:
        summary = self.summary
        summary.accepted += 1
        summary.repeated += receipt.repeated
        summary.timed_out += receipt.timed_out
        summary.position = max(summary.position, receipt.position)
        outcome = receipt.outcome
        if outcome is None:
            return
        self._outcomes[outcome.status] += 1
        if outcome.faults:
            self._codes.update(fault.code for fault in outcome.faults)
            summary.rejected.append(_told(line, outcome.status, faults=outcome.faults))


def _told(line: Line, answer: str, message: str = "", faults: tuple[Fault, ...] = ()) -> LineAnswer:
    type_, id_ = (line.command.type, line.command.id) if line.command else ("", None)
    return LineAnswer(line.number, type_, id_, answer, message, faults)


def _faults_of(line: Line, answer: CommandRefused | CommandIdReused | None) -> tuple[Fault, ...]:
    if isinstance(answer, CommandRefused):
        return answer.faults
    if isinstance(answer, CommandIdReused):
        return (Fault("id.reused", "", str(answer)),)
    return (line.fault,) if line.fault else ()
