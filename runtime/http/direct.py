"""Commands on our own server: where one comes whole, the connection asks their endpoint and writes what it answers.

What ASGI does for a request that may be anything takes two fifths of what HTTP costs for a command, its socket aside:
middleware, a cycle of messages that are checked one by one, an answer in two writes. What comes in parts, or asks for
anything special, goes that way all the same, and is answered in the same words.
"""

import re
from typing import Any

from starlette.responses import Response

from .commands import SendCommand
from .connection import Connection
from .fields import Fields
from .hosts import OnlyThisHost
from .problems import answer_bug, answer_problem

__all__ = ["CommandCycle", "DirectConnection"]

COMMAND = re.compile(rb"/commands/([\w.-]+)(?:\?([^#]*))?")
"""The URL of a command; where its type is written in any other way, ASGI's routes find out what it means."""

UNFORESEEN = "Exception in ASGI application\n"
"""What uvicorn logs of a request that goes by way of ASGI, so that a search finds both."""


class CommandCycle:
    """One command and its answer: to uvicorn, which asks how far they are, in the place of its own cycle."""

    __slots__ = ("body", "called", "disconnected", "keep_alive", "response_complete")

    def __init__(self, called: re.Match[bytes], *, keep_alive: bool) -> None:
        self.called = called
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.disconnected = self.response_complete = False

    @property
    def message_event(self) -> "CommandCycle":
        """What uvicorn sets when the client is gone."""
        return self

    def set(self) -> None:
        """Wake nobody: an answer waits for the runtime, and for no more of the request."""


class DirectConnection(Connection):
    """A connection that answers commands, and hands all else to the application."""

    hosts: OnlyThisHost
    commands: SendCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: CommandCycle | None = None
        """The command whose body is being parsed, until the end of the block of bytes."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        held, self._held = self._held, None
        if held is not None and not self.transport.is_closing():  # the rest of it is still to come
            super().begin()
            super().on_body(bytes(held.body))

    def begin(self) -> None:
        called = COMMAND.fullmatch(self.url)
        if (
            called is None
            or self.parser.get_method() != b"POST"
            or self.expect_100_continue
            or self.parser.should_upgrade()
            or self._is_answering
        ):
            super().begin()
        else:
            keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
            self._held = CommandCycle(called, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._head_bytes = 0
            self._held.body += body

    def on_message_complete(self) -> None:
        cycle, self._held = self._held, None
        if cycle is None:
            super().on_message_complete()
            return
        self._is_in_body = False
        self.cycle = cycle  # type: ignore[assignment] # which has all that is asked of a cycle once its body is here
        task = self.loop.create_task(self._tell(cycle, Fields(self.headers)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell(self, cycle: CommandCycle, fields: Fields) -> None:
        try:
            answer = await self._answer(cycle, fields)
            if self.flow.write_paused:
                await self.flow.drain()
            if not self.transport.is_closing():
                cycle.response_complete = True
                self.write(answer, keep_alive=cycle.keep_alive)
                self.on_response_complete()
        except BaseException:  # above all when the server stops, and has waited long enough
            self.transport.close()
            raise

    async def _answer(self, cycle: CommandCycle, fields: Fields) -> Response:
        body, cycle.body = bytes(cycle.body), bytearray()  # which is not to last longer than its share of the room
        type_, query = cycle.called.groups(b"")
        try:
            refusal = self.hosts.refusal(fields)
            if refusal is not None:
                return answer_problem(refusal)
            return await self.commands.answer(type_.decode(), query, fields, body)
        except Exception as error:
            self.logger.exception(UNFORESEEN)
            return answer_bug(error)
