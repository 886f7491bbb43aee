"""A client that sends what no well-behaved client would: bytes, when a test says so; h11 reads what comes back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import h11
import httpx
import msgspec
from anyio.abc import SocketStream

from tests.doubles.waiting import turns

__all__ = ["RawClient", "chunk", "connected", "request"]


class RawClient:
    """One connection."""

    def __init__(self, socket: SocketStream, host: str) -> None:
        self._socket = socket
        self.host = host
        self._ours = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 22)
        self._next()

    async def send(self, data: bytes) -> None:
        await self._socket.send(data)

    async def send_until_it_is_cut_off(self, data: bytes) -> None:
        """Send `data` again and again, and return once the server has closed the connection."""
        with anyio.fail_after(20), suppress(anyio.BrokenResourceError):
            while True:
                await self._socket.send(data)
                await turns()

    async def answer(self) -> httpx.Response:
        """Return the next answer, once it is whole."""
        head, body = await self._head(), b""
        async for data in self._data():
            body += data
        self._next()
        return httpx.Response(head.status_code, headers=list(head.headers), content=body)

    async def informed(self) -> int:
        """Return the status of what the server says before its answer."""
        event = await self._event()
        assert isinstance(event, h11.InformationalResponse), event
        return event.status_code

    async def lines(self) -> AsyncIterator[Any]:
        """Yield each line of the next answer, decoded, as it comes."""
        head, rest = await self._head(), b""
        assert head.status_code == 200, head
        async for data in self._data():
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield msgspec.json.decode(line)
        assert not rest
        self._next()

    async def rest(self) -> bytes:
        """Return what else the server says, once it has closed the connection."""
        said = self._ours.trailing_data[0]
        try:
            while data := await self._receive():
                said += data
        except anyio.BrokenResourceError:
            pass  # it was reset
        return said

    def _next(self) -> None:
        """Have h11 read one more answer."""
        rest = self._ours.trailing_data[0]
        self._ours = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 22)
        self._ours.send(h11.Request(method="POST", target="/", headers=[("Host", "h"), ("Content-Length", "0")]))
        self._ours.send(h11.EndOfMessage())
        if rest:
            self._ours.receive_data(rest)

    async def _head(self) -> h11.Response:
        while not isinstance(event := await self._event(), h11.Response):
            assert isinstance(event, h11.InformationalResponse), event
        return event

    async def _data(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)
        assert isinstance(event, h11.EndOfMessage), event

    async def _event(self) -> Any:
        while (event := self._ours.next_event()) is h11.NEED_DATA:
            self._ours.receive_data(await self._receive())
        return event

    async def _receive(self) -> bytes:
        try:
            with anyio.fail_after(10):
                return await self._socket.receive()
        except anyio.EndOfStream:
            return b""


@asynccontextmanager
async def connected(client: httpx.AsyncClient) -> AsyncIterator[RawClient]:
    """Connect to the server that `client` speaks to."""
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    async with await anyio.connect_tcp(host, port) as socket:
        yield RawClient(socket, f"{host}:{port}")


def request(line: str, *headers: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    """Return a request as it goes over the wire, with no header that is not given but ``Host``."""
    return "\r\n".join((f"{line} HTTP/1.1", f"Host: {host}", *headers, "", "")).encode("latin-1") + body


def chunk(data: bytes) -> bytes:
    """Return `data` as one chunk of a body; the empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)
