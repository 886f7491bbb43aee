"""One connection to the server: uvicorn's, with bounds that a slow or hostile client cannot stretch.

A connection past the most that may be open is told so and closed. The head of a request must come within a time and a
size, so that a client who drips it holds nothing for long. What is no HTTP is answered with a problem, like all else.
"""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from .problems import HEAD_TOO_LARGE, MALFORMED, MEDIA_TYPE, REQUEST_TIMEOUT, TOO_MANY_CONNECTIONS, Kind, problem

__all__ = ["LARGEST_HEAD", "Connection", "connection_type"]

LARGEST_HEAD = 64 << 10
"""Bytes of a request line and its header fields."""


class Connection(HttpToolsProtocol):
    """A connection, from its first byte to its last."""

    most_connections = 1024
    head_seconds = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(TOO_MANY_CONNECTIONS, f"{self.most_connections} connections are open. Try again in a moment.")
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._is_in_head:
            if self._head_timer is None:
                self._expect_head()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(HEAD_TOO_LARGE, f"The head of the request has more than {LARGEST_HEAD} bytes.")

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MALFORMED, f"{msg} Nothing was done.")

    @property
    def _is_in_head(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn declares
        return cycle is None or cycle.response_complete

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._is_in_head and not self.transport.is_closing():
            what = f"The head of the request did not come within {self.head_seconds:g} s. Send it again."
            self._refuse(REQUEST_TIMEOUT, what)

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Answer in place of the application, and close."""
        body = msgspec.json.encode(problem(kind, detail))
        lines = [STATUS_LINE[kind.status], f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n".encode()]
        if kind.retry_after is not None:
            lines.append(f"retry-after: {kind.retry_after}\r\n".encode())
        self.transport.write(b"".join([*lines, b"connection: close\r\n\r\n", body]))
        self.transport.close()


def connection_type(most: int, head_seconds: float) -> type[Connection]:
    """Return the type of the connections of a server that has `most` at a time, and waits so long for a head."""
    return type("Connection", (Connection,), {"most_connections": most, "head_seconds": head_seconds})
