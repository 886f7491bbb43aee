"""Sending a file of commands: newline-delimited JSON in, one answer a line, a summary in the end.

Reading, posting and answering are three tasks, so that the pipeline never runs dry while some commands wait for their
answers. What is under way is counted in blocks of the file, which bounds its bytes whatever the lines are.
"""

from collections.abc import Callable
from typing import BinaryIO, TypeAlias

from anyio import CancelScope, create_memory_object_stream, create_task_group
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from ..actors.submission import JsonCommand, Stage
from ..actors.turns import Turns
from .command_lines import Line, LineReader, blocks
from .runtime import Runtime
from .send_summary import Summary, Tally
from .submitting import Posted

__all__ = ["send"]

BLOCKS_AHEAD = 2
"""Blocks of the file whose commands are under way behind the one that is being answered."""

HELD_UP = "A line was turned away for now, and those behind it keep their place. Send the file again."

PostedLine: TypeAlias = tuple[Line, Posted | None]
"""A line, and its command on the way to its answer, if it is one."""


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
    was sent is still waited for. Memory stays flat but for the lines that did not go through. Nor is more read once a
    line is turned away for a reason that passes: nothing new is accepted behind it, so a file that is sent again keeps
    its order.
    """
    tally = Tally()
    lines = LineReader()
    turns, giving_up = Turns(), CancelScope()

    async def read(into: MemoryObjectSendStream[bytes]) -> None:
        with into, reading, giving_up:
            await _read(source, progress, into)

    async def post(from_: MemoryObjectReceiveStream[bytes], into: MemoryObjectSendStream[list[PostedLine]]) -> None:
        with into, from_:
            async for block in from_:
                await into.send([await hand_over(line) for line in lines.feed(block)])
            if not (reading.cancelled_caught or giving_up.cancelled_caught):
                await into.send([await hand_over(line) for line in lines.end()])

    async def hand_over(line: Line) -> PostedLine:
        command = line.command
        if command is None:
            return line, None
        said = JsonCommand(command.type, bytes(command.data))
        return line, await runtime.post(said, command_id=command.id, wait=wait, timeout=timeout, turns=turns)

    into, read_blocks = create_memory_object_stream[bytes]()
    post_into, sent = create_memory_object_stream[list[PostedLine]](BLOCKS_AHEAD)
    async with create_task_group() as tasks:
        tasks.start_soon(read, into)
        tasks.start_soon(post, read_blocks, post_into)
        with sent:
            async for block in sent:
                for line, posted in block:
                    tally.count(line, None if posted is None else await posted.answer())
                    if turns.missed is not None:
                        giving_up.cancel()
    summary = tally.result()
    summary.interrupted = reading.cancelled_caught
    summary.gave_up = HELD_UP if giving_up.cancelled_caught else None
    return summary


async def _read(source: BinaryIO, progress: Callable[[int], None], into: MemoryObjectSendStream[bytes]) -> None:
    async for block in blocks(source, progress):
        await into.send(block)
