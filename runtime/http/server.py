"""The server: uvicorn, in a task of ours. It installs no signal handler and configures no logging."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address

import anyio
import uvicorn
from anyio import CancelScope
from starlette.types import ASGIApp

from ..config import HttpSettings
from ..failures import AddressInUse
from .application import Application
from .connection import Connection
from .direct import DirectConnection
from .hosts import OnlyThisHost
from .requests import Readings

__all__ = ["bind", "serving"]

KEEP_ALIVE = 75
"""Seconds without a request after which a connection is closed: those of most proxies and clients, rounded up."""
LONGEST_STOP = 70
"""Seconds for answers under way, once everything else has stopped; then they are cut off."""


class Server(uvicorn.Server):
    """Uvicorn's server, with signals left to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal: to stop in order is not the server's affair alone."""
        yield


def bind(settings: HttpSettings) -> socket.socket:
    """Return a socket on the address that is set; nothing connects to it before it is served.

    Raises:
        AddressInUse: another process has it.
    """
    family = socket.AF_INET6 if ip_address(settings.host).version == 6 else socket.AF_INET
    # With the protocol named, asyncio sends answers at once (TCP_NODELAY); left open, each waits 40 ms for the client's
    # delayed acknowledgement, since head and body are written apart.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise AddressInUse(settings.host, settings.port, error.strerror) from None
    return bound


@asynccontextmanager
async def serving(
    bound: socket.socket, app: ASGIApp, readings: Readings, settings: HttpSettings
) -> AsyncIterator[Callable[[], None]]:
    """Serve `app` on `bound` for as long as the block lasts, and let what is under way then be answered.

    What is handed out stops the taking: from its call on nobody can connect, and requests whose body has not come are
    answered that the server stops. So it is called before that is stopped which answers the others.
    """
    hosts = OnlyThisHost(app, settings.host)
    config = uvicorn.Config(
        hosts,
        http=_connection_type(app, hosts, settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody is believed to be somebody else
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=LONGEST_STOP,
    )
    server = Server(config)

    def stop() -> None:
        server.should_exit = True
        readings.stop()

    async def serve() -> None:
        with CancelScope(shield=True):  # whatever ends the block, who waits gets the answer: `stop` ends this
            await server.serve([bound])
        for connection in list(server.server_state.connections):
            if isinstance(connection, DirectConnection):
                connection.cut_off()

    with bound:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            try:
                yield stop
            finally:
                stop()


def _connection_type(app: ASGIApp, hosts: OnlyThisHost, settings: HttpSettings) -> type[Connection]:
    bounds = {"most_connections": settings.connections, "seconds": settings.request_timeout}
    if isinstance(app, Application):
        return type("Connection", (DirectConnection,), bounds | {"hosts": hosts, "commands": app.commands})
    return type("Connection", (Connection,), bounds)
