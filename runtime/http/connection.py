"""One connection to the server: uvicorn's, with bounds that a slow or hostile client cannot stretch.

A connection past the most that may be open is told so and closed. The head of a request must come within a time and a
size, and what is left of a body after its answer within that time, so that a client who drips them holds nothing for
long. Nor does one who takes no answer, or who sends many requests without waiting for any. What is no HTTP is answered
with a problem, like all else.
"""

import asyncio
from collections import deque
from typing import Any

import httptools
from starlette.responses import Response
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from .problems import (
    HEAD_TOO_LARGE,
    MALFORMED,
    REQUEST_TIMEOUT,
    TOO_MANY_CONNECTIONS,
    Kind,
    answer_problem,
    problem,
)
from .requests import BODY_IS_HERE

__all__ = ["LARGEST_HEAD", "Connection"]

LARGEST_HEAD = 64 << 10
"""Bytes of a request line and its header fields."""
BODY_FIELDS = {b"content-length", b"transfer-encoding"}


class Flow(FlowControl):
    """Uvicorn's control of what is read and written, which reads no further while whole requests wait in a row."""

    def __init__(self, transport: asyncio.Transport, row: deque[Any]) -> None:
        super().__init__(transport)
        self._row = row

    def resume_reading(self) -> None:
        """Read on, unless there is enough to do."""
        if not self._row:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """A connection, from its first byte to its last."""

    most_connections = 1024
    seconds = 30.0
    """How long a head may take, or what is left of a body after its answer, or a client to take anything of one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_in_body = False
        self._head_bytes = 0
        """Bytes since the last block that held some of a body: of a head, or of fields behind a body."""
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        transport.set_write_buffer_limits(0)  # so that `pause_writing` tells of every byte that is not taken
        if len(self.connections) > self.most_connections:
            self._refuse(TOO_MANY_CONNECTIONS, f"{self.most_connections} connections are open. Try again in a moment.")
            return
        self._limit_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_limit_of_reading()
        self._end_limit_of_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > LARGEST_HEAD:
            self._refuse_head()
        if not (self._is_in_body or self._is_answering or self.timeout_keep_alive_task):
            self._limit_reading()  # the rest of a head is still to come

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()  # which the end of the body before it in the same block may have set
        self._head_bytes = 0  # of the blocks of bytes after the one in which it begins
        if self._is_answering:
            self._limit_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_body:  # what comes behind a body is no field of its head, and nothing here asks for it
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._end_limit_of_reading()
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > LARGEST_HEAD:
            self._refuse_head()
            raise httptools.HttpParserError  # the parser goes no further
        if self.parser.should_upgrade() and not {name for name, _ in self.headers}.isdisjoint(BODY_FIELDS):
            # The parser would take the body for the other protocol's, or for one more request.
            self._refuse(MALFORMED, "A request with a body cannot change the protocol. Send it without `Upgrade`.")
            raise httptools.HttpParserError
        self.begin()
        self._is_in_body = True

    def begin(self) -> None:
        """Begin to answer the request whose head is here, and whose body may be."""
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_body = False
        self.scope["state"][BODY_IS_HERE] = True
        if self.cycle.response_complete:  # what was left of its body ended the time for the next request
            self._end_limit_of_reading()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_body and not self._is_answering:
            self._limit_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._limit_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._end_limit_of_writing()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MALFORMED, f"{msg} Correct it and send it again.")

    def write(self, answer: Response, *, keep_alive: bool) -> None:
        """Write `answer`, past ASGI; unless the connection is to be kept, close it behind that."""
        parts = [STATUS_LINE[answer.status_code]]
        for name, value in (*self.server_state.default_headers, *answer.raw_headers):
            parts += (name, b": ", value, b"\r\n")
        if not keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", bytes(answer.body))
        self.transport.write(b"".join(parts))
        if not keep_alive:
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn declares
        return cycle is not None and not cycle.response_complete

    def _limit_reading(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(self.seconds, self._reading_is_late)

    def _end_limit_of_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _reading_is_late(self) -> None:
        self._reading = None
        if self._is_answering:
            self._limit_reading()  # it is open for the answer's sake
        elif self._is_in_body:
            self.transport.abort()  # it was answered, and sends on
        else:
            what = f"The head of the request did not come within {self.seconds:g} s. Send it again."
            self._refuse(REQUEST_TIMEOUT, what)

    def _limit_writing(self, left: int) -> None:
        self._writing = self.loop.call_later(self.seconds, self._writing_is_late, left)

    def _end_limit_of_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _writing_is_late(self, left: int) -> None:
        if self.transport.get_write_buffer_size() < left:
            self._limit_writing(self.transport.get_write_buffer_size())
        else:
            self.transport.abort()

    def _refuse_head(self) -> None:
        where = "Behind its body, the request has" if self._is_in_body else "The head of the request has"
        self._refuse(HEAD_TOO_LARGE, f"{where} more than {LARGEST_HEAD} bytes.")

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Answer in place of the application, and close.

        Where another answer is due before this one, or has begun, the client would take this for that: then it gets
        none, which is true, and tells it to ask again.
        """
        is_due = not self._is_answering or (self._is_in_body and not (self.pipeline or self.cycle.response_started))
        if is_due and not self.transport.is_closing():
            self.write(answer_problem(problem(kind, detail)), keep_alive=False)
        self.transport.close()
