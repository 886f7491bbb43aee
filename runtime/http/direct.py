"""Commands on our own server: where one comes whole, the connection asks their endpoint and writes what it answers.

What ASGI does for a request that may be anything takes half the time of a command over HTTP: middleware, a cycle of
messages that are checked one by one, an answer in two writes. What comes in parts, or asks for anything special, goes
that way all the same, and is answered in the same words.
"""

import re
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from .commands import SendCommand
from .connection import Connection
from .fields import Fields
from .hosts import OnlyThisHost
from .problems import answer_bug, answer_problem

__all__ = ["DirectConnection"]

COMMAND = re.compile(rb"/commands/([\w.-]+)(?:\?([^#]*))?")
"""The URL of a command; where its type is written in any other way, ASGI's routes find out what it means."""

UNFORESEEN = "Exception in ASGI application\n"
"""What uvicorn logs of a request that goes by way of ASGI, so that a search finds both."""


class CommandCycle:
    """One command and its answer: to uvicorn, which asks how far they are, in the place of its own cycle."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
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
        self._held: bytes | None = None
        """What has come of the body of a command that may be answered here."""
        self._called: re.Match[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:  # the rest of it is still to come
            body, self._held = self._held, None
            if not self.transport.is_closing():
                super().begin()
                super().on_body(body)

    def begin(self) -> None:
        self._called = COMMAND.fullmatch(self.url)
        if (
            self._called is None
            or self.parser.get_method() != b"POST"
            or self.expect_100_continue
            or self.parser.should_upgrade()
            or self._is_answering
        ):
            super().begin()
        else:
            self._held = b""

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._head_bytes = 0
            self._held += body

    def on_message_complete(self) -> None:
        body, self._held = self._held, None
        if body is None or self._called is None:
            super().on_message_complete()
            return
        self._is_in_body = False
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        cycle = CommandCycle(keep_alive=keep_alive)
        self.cycle = cycle  # type: ignore[assignment] # which has all that is asked of a cycle once its body is here
        type_, query = self._called.groups(b"")
        task = self.loop.create_task(self._tell(cycle, type_.decode(), query, Fields(self.headers), body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell(self, cycle: CommandCycle, type_: str, query: bytes, fields: Fields, body: bytes) -> None:
        try:
            answer = await self._answer(type_, query, fields, body)
            if self.flow.write_paused:
                await self.flow.drain()
            if not cycle.disconnected:
                self._write(cycle, answer)
        except BaseException:  # the server stops, and has waited long enough
            self.transport.close()
            raise

    async def _answer(self, type_: str, query: bytes, fields: Fields, body: bytes) -> Response:
        try:
            refusal = self.hosts.refusal(fields)
            if refusal is not None:
                return answer_problem(refusal)
            return await self.commands.answer(type_, query, fields, body)
        except Exception as error:
            self.logger.exception(UNFORESEEN)
            return answer_bug(error)

    def _write(self, cycle: CommandCycle, answer: Response) -> None:
        parts = [STATUS_LINE[answer.status_code]]
        for name, value in (*self.server_state.default_headers, *answer.raw_headers):
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", bytes(answer.body))
        cycle.response_complete = True
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
