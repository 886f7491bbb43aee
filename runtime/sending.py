"""Sending a file of commands: newline-delimited JSON in, one answer a line, a summary in the end."""

from collections import Counter
from collections.abc import Callable
from typing import BinaryIO

from anyio import CancelScope, create_memory_object_stream, create_task_group
from anyio.streams.memory import MemoryObjectSendStream
from msgspec import Struct

from ..actors.submission import (
    CommandIdReused,
    CommandRefused,
    JsonCommand,
    NotAccepted,
    OutcomeUnknown,
    Receipt,
    Stage,
)
from ..stores.records import Fault
from .command_lines import Line, LineReader, blocks
from .runtime import Runtime

__all__ = ["LineAnswer", "Summary", "send"]


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
    projector_halted: str | None = None
    """Why the read database stands still, if it does."""
    position: int = 0
    """The position of the newest event that a line made."""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every line has its answer, no handler failed, and the read database goes on."""
        undone = self.unanswered or self.timed_out or self.interrupted or self.projector_halted
        return not (undone or self.outcomes.get("failed"))


async def send(
    runtime: Runtime,
    source: BinaryIO,
    *,
    wait: Stage,
    timeout: float,
    progress: Callable[[int], None],
    reading: CancelScope,
) -> Summary:
    """Submit each line of `source`, in order, and return what became of them.

    `progress` is called with the bytes read since the last call. Once `reading` is cancelled no more is read, and what
    was sent is still waited for. Memory stays flat but for the lines that did not go through.
    """
    summary = Summary()
    tally: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    lines = LineReader()

    async def submit(chunk: list[Line]) -> None:
        commands = [(line, line.command) for line in chunk if line.command is not None]
        answers = await runtime.submit_many(
            [JsonCommand(command.type, bytes(command.data)) for _, command in commands],
            command_ids=[command.id for _, command in commands],
            wait=wait,
            timeout=timeout,
        )
        by_line = dict(zip((line.number for line, _ in commands), answers, strict=True))
        for line in chunk:
            _count(summary, tally, codes, line, by_line.get(line.number))

    async def read(into: MemoryObjectSendStream[bytes]) -> None:
        with into, reading:
            async for block in blocks(source, progress):
                await into.send(block)

    into, read_blocks = create_memory_object_stream[bytes]()
    async with create_task_group() as tasks:
        tasks.start_soon(read, into)
        with read_blocks:
            async for block in read_blocks:
                await submit(list(lines.feed(block)))
    summary.interrupted = reading.cancelled_caught
    if not summary.interrupted:
        await submit(list(lines.end()))
    summary.outcomes, summary.codes = dict(tally), dict(codes.most_common())
    return summary


def _count(
    summary: Summary,
    tally: Counter[str],
    codes: Counter[str],
    line: Line,
    answer: Receipt | NotAccepted | OutcomeUnknown | None,
) -> None:
    summary.lines += 1
    type_, id_ = (line.command.type, line.command.id) if line.command else ("", None)
    if isinstance(answer, Receipt):
        summary.accepted += 1
        summary.repeated += answer.repeated
        summary.timed_out += answer.timed_out
        summary.position = max(summary.position, answer.position)
        if answer.outcome is None:
            return
        outcome = answer.outcome
        tally[outcome.status] += 1
        if outcome.faults:
            codes.update(fault.code for fault in outcome.faults)
            summary.rejected.append(LineAnswer(line.number, type_, id_, outcome.status, "", outcome.faults))
        return
    if answer is None or isinstance(answer, CommandRefused | CommandIdReused):
        faults = _faults_of(line, answer)
        summary.faults += len(faults)
        codes.update(fault.code for fault in faults)
        summary.refused.append(LineAnswer(line.number, type_, id_, "CommandRefused", "", faults))
        return
    code = type(answer).__name__
    codes[code] += 1
    summary.unanswered.append(LineAnswer(line.number, type_, id_, code, str(answer)))


def _faults_of(line: Line, answer: CommandRefused | CommandIdReused | None) -> tuple[Fault, ...]:
    if isinstance(answer, CommandRefused):
        return answer.faults
    if isinstance(answer, CommandIdReused):
        return (Fault("id.reused", "", str(answer)),)
    return (line.fault,) if line.fault else ()
