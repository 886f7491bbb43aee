"""Commands on our own server: where one comes whole, the connection asks their endpoint and writes what it answers.

What ASGI does for a request that may be anything takes two fifths of what HTTP costs for a command, its socket aside:
middleware, a cycle of messages that are checked one by one, an answer in two writes. What comes in parts, or asks for
anything special, goes that way all the same, and is answered in the same words.
"""

import re
from functools import partial
from typing import Any

from starlette.responses import Response

from ...stores.errors import TwofoldError
from ..submitting import AnswerToCommand
from .commands import Asked, SendCommand
from .connection import Connection
from .fields import Fields
from .hosts import OnlyThisHost
from .problems import answer_bug, answer_error, answer_problem
from .room import Share

__all__ = ["CommandCycle", "DirectConnection"]

COMMAND = re.compile(rb"/commands/([\w.-]+)(?:\?([^#]*))?")
"""The URL of a command; where its type is written in any other way, ASGI's routes find out what it means."""

UNFORESEEN = "Exception in ASGI application\n"
"""What uvicorn logs of a request that goes by way of ASGI, so that a search finds both."""


class CommandCycle:
    """One command and its answer: to uvicorn, which asks how far they are, in the place of its own cycle."""

    __slots__ = ("body", "called", "disconnected", "keep_alive", "response_complete", "share")

    def __init__(self, called: re.Match[bytes], share: Share, *, keep_alive: bool) -> None:
        self.called = called
        self.share = share
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
    """A connection that answers commands, and hands all else to the application.

    No task waits for an answer: the event loop is asked to write it as soon as it is given. That saves 5 % of what a
    command over HTTP takes of the processors.
    """

    hosts: OnlyThisHost
    commands: SendCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: CommandCycle | None = None
        """The command whose body is being parsed, until the end of the block of bytes."""
        self._due: tuple[CommandCycle, Response] | None = None
        """The answer that is to be written once the client has taken those before it."""

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
            self._held = CommandCycle(called, self.commands.share(), keep_alive=keep_alive)

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
        try:
            self._begin_command(cycle, Fields(self.headers))
        except TwofoldError as error:
            self._tell_soon(cycle, answer_error(error))
        except Exception as error:
            self.logger.exception(UNFORESEEN)
            self._tell_soon(cycle, answer_bug(error))

    def resume_writing(self) -> None:
        super().resume_writing()
        due, self._due = self._due, None
        if due is not None:
            self._tell_soon(*due)  # which may close the transport, and that is not to happen while it writes

    def cut_off(self) -> None:
        """Wait no longer for the answer to a command: uvicorn only cancels tasks, and there is none behind it."""
        cycle: object = self.cycle
        if isinstance(cycle, CommandCycle) and not cycle.response_complete:
            self.transport.abort()

    def _begin_command(self, cycle: CommandCycle, fields: Fields) -> None:
        body, cycle.body = bytes(cycle.body), bytearray()  # which is not to last longer than its share of the room
        refusal = self.hosts.refusal(fields)
        if refusal is not None:
            self._tell_soon(cycle, answer_problem(refusal))
            return
        type_, query = cycle.called.groups(b"")
        asked = self.commands.read(type_.decode(), query, fields)
        cycle.share.take(len(body))
        self.commands.begin(asked, body).then(partial(self._answered, cycle, asked))

    def _answered(self, cycle: CommandCycle, asked: Asked, answer: AnswerToCommand) -> None:
        try:
            response = self.commands.tell(asked, answer)
        except Exception as error:
            self.logger.exception(UNFORESEEN)
            response = answer_bug(error)
        self._tell(cycle, response)

    def _tell_soon(self, cycle: CommandCycle, answer: Response) -> None:
        """Answer once whoever calls is through: the parser with its block of bytes, or the transport."""
        self.loop.call_soon(self._tell, cycle, answer)

    def _tell(self, cycle: CommandCycle, answer: Response) -> None:
        cycle.share.hold(0)
        if self.transport.is_closing():
            return
        if self.flow.write_paused:
            self._due = cycle, answer
            return
        try:
            cycle.response_complete = True
            self.write(answer, keep_alive=cycle.keep_alive)
            self.on_response_complete()
        except BaseException:  # which the event loop tells; nobody is to wait for the rest of such an answer
            self.transport.close()
            raise
