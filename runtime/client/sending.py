"""Sending a file of commands to a server: in parts, in order, and once more whatever has no answer.

A part goes as one request, and the next one when each line of it has its answer. It is small enough for the server to
take it whole before an answer is read, so neither side ever waits for the other to read. Where an answer is missing,
because the connection broke or the server turned the line away for now, the rest of the part is sent again under the
same ids. Behind a line that it turned away the server accepts nothing new, so the order is kept.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import BinaryIO

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from ...actors.submission import Stage
from ..command_lines import LineReader, blocks
from ..send_summary import Summary, Tally
from .answers import Told
from .failures import NotTwofold, RequestRefused, ServerAway
from .patience import Patience
from .sent_line import SentLine
from .server import Server

__all__ = ["send"]

PART_LINES = 2000
"""Lines of one request: fewer than a server takes of one stream before its client reads the answers."""
PART_BYTES = 1 << 20
READ_AHEAD = 8
"""Blocks of the file that are read while a part is under way."""


class Sender:
    """Sends part after part, with patience for a server that is away."""

    def __init__(
        self,
        server: Server,
        wait: Stage,
        timeout: float,
        patience: Patience,
        notice: Callable[[str], None],
        interrupted: anyio.Event,
    ) -> None:
        self._server = server
        self._wait = wait
        self._timeout = timeout
        self._patience = patience
        self._notice = notice
        self._interrupted = interrupted
        self._is_held_up = False

    async def deliver(self, part: Sequence[SentLine]) -> None:
        """Send `part` until each command of it has its answer, or a signal ends it.

        Raises:
            ServerAway: the patience is at its end.
            NotTwofold, RequestRefused: the server will never answer.
        """
        left = [each for each in part if not each.is_done]
        while left:
            missed = await self._attempt(left)
            before, left = len(left), [each for each in left if not each.is_done]
            has_moved_on = len(left) < before
            if has_moved_on:
                self._patience.moved_on()
                self._tell_that_it_goes_on()
            if left and not await self._pause(missed, has_moved_on):
                return

    async def _attempt(self, left: Sequence[SentLine]) -> ServerAway:
        """Send what is left of a part once, and return why some of it has no answer, for where that is so."""
        missed = ServerAway(f"{self._server.url} ended its answer early.")
        is_missed = False

        def take(told: Told) -> None:
            nonlocal missed, is_missed
            if not 0 < told.line <= len(left) + 1 or (told.line > len(left) and not told.passes):
                raise NotTwofold(self._server.url, f"it answered line {told.line} of {len(left)}")
            if told.passes and not is_missed:
                missed, is_missed = ServerAway(told.detail, told.retry_after), True
            if told.line <= len(left):
                left[told.line - 1].note(told)

        body = b"".join(each.send() + b"\n" for each in left)
        try:
            await self._server.post_commands(body, wait=self._wait, timeout=self._timeout, take=take)
        except ServerAway as away:
            for each in left:
                each.miss(away)
            if not is_missed:
                missed = away
        return missed

    async def _pause(self, missed: ServerAway, has_moved_on: bool) -> bool:
        """Wait before the next attempt; return whether there is to be one.

        Raises:
            ServerAway: `missed`, where the patience is at its end.
        """
        if self._interrupted.is_set():
            return False
        pause = self._patience.pause(missed.retry_after)
        if pause is None:
            raise missed
        if not (has_moved_on or self._is_held_up):
            self._is_held_up = True
            self._notice(f"{missed} It is tried again for {self._patience.seconds:g} s. Ctrl-C ends that.")
        with anyio.move_on_after(pause):
            await self._interrupted.wait()
        return not self._interrupted.is_set()

    def _tell_that_it_goes_on(self) -> None:
        if self._is_held_up:
            self._is_held_up = False
            self._notice("It goes on.")


async def send(
    server: Server,
    source: BinaryIO,
    *,
    wait: Stage,
    timeout: float,
    patience: Patience,
    progress: Callable[[int], None],
    notice: Callable[[str], None],
    interrupted: anyio.Event,
) -> Summary:
    """Send each line of `source` to `server`, in order, and return what became of them.

    `progress` is called with the bytes read since the last call, and `notice` with what a person is told meanwhile.
    Once `interrupted` is set no more is read and nothing is sent again, and what was sent is still waited for. Memory
    stays flat but for the lines that did not go through.

    Raises:
        ServerAway, NotTwofold, RequestRefused: there never was an answer. Later on the summary says why it gave up.
    """
    tally, gave_up = Tally(), None
    sender = Sender(server, wait, timeout, patience, notice, interrupted)
    into, read_blocks = anyio.create_memory_object_stream[bytes](READ_AHEAD)
    with read_blocks:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, source, into, progress, interrupted)
            try:
                async for part in _parts(read_blocks, interrupted):
                    try:
                        await sender.deliver(part)
                    finally:
                        for each in part:
                            each.count(tally)
            except (ServerAway, NotTwofold, RequestRefused) as error:
                gave_up = error
            tasks.cancel_scope.cancel()
    summary = tally.result()
    if gave_up is not None and summary.lines == len(summary.unanswered):
        raise gave_up
    summary.gave_up = None if gave_up is None else str(gave_up)
    summary.interrupted = interrupted.is_set()
    return summary


async def _read(
    source: BinaryIO,
    into: MemoryObjectSendStream[bytes],
    progress: Callable[[int], None],
    interrupted: anyio.Event,
) -> None:
    """Hand over what `source` holds, up to its end or an interruption."""

    async def stop_once_interrupted() -> None:
        await interrupted.wait()
        tasks.cancel_scope.cancel()

    with into:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop_once_interrupted)
            async for block in blocks(source, progress):
                await into.send(block)
            tasks.cancel_scope.cancel()


async def _parts(blocks: MemoryObjectReceiveStream[bytes], interrupted: anyio.Event) -> AsyncIterator[list[SentLine]]:
    """Yield the lines in `blocks` as they come, as many at a time as are there, up to an interruption."""
    reader, part, size = LineReader(), list[SentLine](), 0
    async for block in blocks:
        for line in reader.feed(block):
            part.append(SentLine(line))
            size += part[-1].size
            if len(part) >= PART_LINES or size >= PART_BYTES:
                yield part
                part, size = [], 0
            if interrupted.is_set():
                return
        if part and not blocks.statistics().current_buffer_used:
            yield part
            part, size = [], 0
    part += map(SentLine, reader.end())
    if part and not interrupted.is_set():
        yield part
