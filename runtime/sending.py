"""Sending a file of commands: newline-delimited JSON in, one answer a line, a summary in the end."""

from collections.abc import Callable
from typing import BinaryIO

from anyio import CancelScope, create_memory_object_stream, create_task_group
from anyio.streams.memory import MemoryObjectSendStream

from ..actors.submission import JsonCommand, Stage
from .command_lines import Line, LineReader, blocks
from .runtime import Runtime
from .send_summary import Summary, Tally

__all__ = ["send"]


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
    tally = Tally()
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
            tally.count(line, by_line.get(line.number))

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
    if not reading.cancelled_caught:
        await submit(list(lines.end()))
    summary = tally.result()
    summary.interrupted = reading.cancelled_caught
    return summary
