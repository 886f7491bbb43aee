"""A CDN's API on loopback: a real server that answers as it is told, byte for byte, and keeps what it was asked."""

import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
from anyio.abc import AnyByteStream, TaskGroup
from anyio.streams.tls import TLSListener

__all__ = ["Asked", "CdnStub", "Play", "answer", "drip", "endless", "refused", "reset", "silence", "taken"]


@dataclass
class Asked:
    """A request as it came in."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]


Play: TypeAlias = Callable[[AnyByteStream], Awaitable[None]]
"""What the stub does once it has read a request. The connection is closed where it raises `EOFError`."""


def answer(status: int, body: object, **headers: str) -> Play:
    """Answer with `body`: bytes as they are, anything else as JSON. A header's name has _ for -."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def play(stream: AnyByteStream) -> None:
        await stream.send(f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\n{fields}\r\n".encode() + content)

    return play


def taken(purge_id: str = "p1") -> Play:
    """Answer that the purge was taken."""
    return answer(200, {"success": True, "errors": [], "messages": [], "result": {"id": purge_id}})


def refused(status: int, code: int, message: str = "no") -> Play:
    """Answer that it was not."""
    errors = [{"code": code, "message": message}]
    return answer(status, {"success": False, "errors": errors, "messages": [], "result": None})


async def reset(_stream: AnyByteStream) -> None:
    """Close the connection instead of answering."""
    raise EOFError


async def silence(stream: AnyByteStream) -> None:
    """Never answer, until the other side goes."""
    await stream.receive()


async def endless(stream: AnyByteStream) -> None:
    """Answer with a body that has no end."""
    await stream.send(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await stream.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


async def drip(stream: AnyByteStream) -> None:
    """Begin to answer and never end: each byte alone would keep a time limit on single reads from running out."""
    await stream.send(b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        await stream.send(b" ")


@dataclass
class CdnStub:
    """What the server was asked, and what it does next: the plays in turn, and then what `judge` says of a body."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    plays: deque[Play] = field(default_factory=deque)
    judge: Callable[[dict[str, Any]], Play] = lambda _body: taken()
    open_connections: int = 0

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all requests."""
        return [asked.body for asked in self.asked]

    async def serve(self, stream: AnyByteStream) -> None:
        """Read and answer requests until the other side is gone."""
        self.open_connections += 1
        try:
            async with stream:
                while True:
                    asked = await _read(stream)
                    self.asked.append(asked)
                    await (self.plays.popleft() if self.plays else self.judge(asked.body))(stream)
        except (EOFError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError):
            pass  # the client went, or was to be left alone
        finally:
            self.open_connections -= 1

    @classmethod
    @asynccontextmanager
    async def running(cls, tls: ssl.SSLContext | None = None) -> AsyncIterator["CdnStub"]:
        """Serve on a free port of loopback for as long as the block lasts."""
        stub = cls()
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        stub.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/client/v4"
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(_listen, stub, TLSListener(listener, tls) if tls else listener, tasks)
            try:
                yield stub
            finally:
                tasks.cancel_scope.cancel()


async def _listen(stub: CdnStub, listener: Any, tasks: TaskGroup) -> None:
    await listener.serve(stub.serve, tasks)


async def _read(stream: AnyByteStream) -> Asked:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
    while len(body) < int(headers["content-length"]):
        body += await stream.receive()
    return Asked(line, headers, json.loads(body))
