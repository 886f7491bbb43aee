"""A server that answers as its script says: it takes requests over a real socket, and may break off at any byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

__all__ = ["Handle", "chunk", "scripted_server"]

Handle = Callable[[bytes, bytes], Awaitable[tuple[bytes, bool]] | tuple[bytes, bool]]
"""Gets the head and the body of a request; returns what to write, and whether the connection is kept."""


def chunk(data: bytes) -> bytes:
    """Return `data` as one part of a body that has no length."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def scripted_server(handle: Handle) -> AsyncIterator[str]:
    """Serve on a port that is free, and hand out the URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            is_kept = True
            while is_kept and (head := await reader.readuntil(b"\r\n\r\n")):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(fields.get(b"content-length", 0)))
                answer = handle(head, body)
                data, is_kept = answer if isinstance(answer, tuple) else await answer
                writer.write(data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
