"""`POST /commands`: a row of commands, a line each, and a line of answer for each, in order, while more come in.

Reading and answering are two tasks, and what lies between them is bounded. A client that does not take its answers
is read no further, so nothing piles up here: a client reads while it sends, or sends no more than a few hundred lines
at a time.
"""

from math import inf
from typing import NamedTuple

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...actors.admission import LARGEST_COMMAND
from ...actors.submission import JsonCommand, Stage, Stopping
from ...actors.turns import Turns
from ...stores.errors import TwofoldError
from ...stores.records import Fault
from ..command_lines import Line, LineReader
from ..submitting import Posted
from .fields import Fields
from .problems import Problem, answer_problem, kind_of_fault, problem, problem_of
from .requests import Readings, Seconds, read_blocks, read_options
from .room import Share
from .service import Service
from .telling import tell_command

__all__ = ["SendRow"]

MEDIA_TYPE = "application/x-ndjson"
LONGEST_LINE = LARGEST_COMMAND + (64 << 10)
"""A command, and the line's own words around it."""
MOST_UNANSWERED = 2048
"""Commands of one row that are under way at the same time."""
MOST_UNANSWERED_BYTES = 8 << 20
"""What these commands may take together, beside the newest."""
ANSWER_BYTES = 32 << 10
"""Answers are sent when so much of them is there, or when the next one is not there yet."""
LINGERING = 1.0
"""Seconds for which a client that sends on is listened to after the last line."""

encode = msgspec.json.Encoder().encode


class Unanswered(NamedTuple):
    """One line on its way to its answer."""

    number: int
    size: int
    """About how many bytes it holds."""
    said: Posted | Problem


class ExchangeOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of a row of commands may say, of all of them."""

    wait: Stage = "accepted"
    timeout: Seconds = 30.0


class SendRow:
    """Takes a row of commands and answers each."""

    def __init__(self, service: Service, readings: Readings) -> None:
        self._service = service
        self._readings = readings

    async def answer(self, request: Request) -> Response:
        """Return the exchange that answers `request`."""
        fields = Fields.of(request.scope)
        fields.require_type(MEDIA_TYPE, "application/ndjson", "application/jsonl")
        options = read_options(request.scope["query_string"], ExchangeOptions)
        return Exchange(self._service, self._readings, request, options, fields.text("Correlation-Id"))


class Exchange(Response):
    """One row of commands, and the answers to them."""

    def __init__(
        self,
        service: Service,
        readings: Readings,
        request: Request,
        options: ExchangeOptions,
        correlation_id: str | None,
    ) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._service = service
        self._readings = readings
        self._request = request
        self._options = options
        self._correlation_id = correlation_id
        self._turns = Turns()
        self._lines = LineReader(LONGEST_LINE)
        self._share = Share(readings.room)
        self._unanswered = 0
        """Lines between the two: the reading adds to it, the answering takes from it. So with their bytes."""
        self._unanswered_bytes = 0
        self._answered = anyio.Event()
        """Set by the answering after each line; renewed by the reading where it waits for room."""
        self._early_end: Problem | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        into, taken = anyio.create_memory_object_stream[Unanswered](
            inf
        )  # the reading waits for room before it hands over
        with self._share:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, into)
                has_begun = await self._answer_in_order(taken, send)
        if self._early_end is not None and not has_begun:
            await answer_problem(self._early_end)(scope, receive, send)
            return
        if not has_begun:
            await self._begin(send)
        if self._early_end is not None:
            last = encode(self._early_end) + b"\n"
            await send({"type": "http.response.body", "body": last, "more_body": True})
            await _take_the_rest(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self, into: MemoryObjectSendStream[Unanswered]) -> None:
        """Hand each command over as it comes, and, where the reading ends early, keep why."""
        unanswered = 1

        async def hand_over(line: Line) -> None:
            nonlocal unanswered
            while self._unanswered >= MOST_UNANSWERED or self._unanswered_bytes > MOST_UNANSWERED_BYTES:
                self._answered = anyio.Event()
                await self._answered.wait()
            line_taken = await self._hand_over(line)
            # Nothing ends the reading from here on: a command that was handed over is there to be answered.
            into.send_nowait(line_taken)
            unanswered = line.number + 1
            self._unanswered += 1
            self._unanswered_bytes += line_taken.size

        with into:
            try:
                with self._readings.reading() as reading:
                    async for block in read_blocks(self._request, self._readings.seconds):
                        for line in self._lines.feed(block):
                            await hand_over(line)
                        self._note_held()
                        await self._readings.room.wait(self._readings.seconds)
                    for line in self._lines.end():
                        await hand_over(line)
                if reading.cancelled_caught:
                    raise Stopping
            except ClientDisconnect:
                return  # what was handed over goes on
            except TwofoldError as error:
                self._early_end = problem_of(error, line=unanswered)

    async def _hand_over(self, line: Line) -> Unanswered:
        number, said = line
        if isinstance(said, Fault):
            told = problem(kind_of_fault(said), said.message, line=number, faults=(said,))
            return Unanswered(number, len(said.message), told)
        data = bytes(said.data)
        posted = await self._service.post(
            JsonCommand(said.type, data),
            command_id=said.id,
            wait=self._options.wait,
            timeout=self._options.timeout,
            correlation_id=self._correlation_id,
            turns=self._turns,
        )
        return Unanswered(number, len(data) + len(said.type) + len(said.id or ""), posted)

    async def _answer_in_order(self, taken: MemoryObjectReceiveStream[Unanswered], send: Send) -> bool:
        """Answer each command once it has its answer, and return whether there was one."""
        ready = bytearray()
        has_begun = False

        async def flush() -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                await self._begin(send)
            await send({"type": "http.response.body", "body": bytes(ready), "more_body": True})
            ready.clear()

        with taken:
            async for number, size, said in taken:
                if isinstance(said, Problem):
                    told: Struct = said
                else:
                    if ready and (len(ready) > ANSWER_BYTES or not said.is_answered):
                        await flush()
                    told = tell_command(await said.answer(), self._options.wait, number)
                ready += encode(told) + b"\n"
                if not taken.statistics().current_buffer_used:
                    await flush()
                self._unanswered -= 1
                self._unanswered_bytes -= size
                self._note_held()
                self._answered.set()
        return has_begun

    def _note_held(self) -> None:
        self._share.hold(self._unanswered_bytes + self._lines.unfinished)

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})


async def _take_the_rest(receive: Receive) -> None:
    """Take what still comes, for a moment, until the client has seen the last line and sends no more.

    A connection that is closed over bytes that nobody took is reset, and what was sent on it last may go with that.
    """
    with anyio.move_on_after(LINGERING):
        while (await receive()).get("more_body"):
            pass
