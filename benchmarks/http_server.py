"""The two servers, each in a process of its own, under the same settings: Twofold, and a bare endpoint beside it.

Both stand on the product's own server: uvicorn with the same parser and connections, and the same look at the host. The
bare one is a Starlette application that decodes the same body into the same type, answers a small JSON, and forgets it.
It is reached by way of ASGI, as any application is; Twofold's connections answer commands that come whole themselves.
"""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import msgspec
import structlog
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings, HttpSettings, ValidatorSettings
from twofold.runtime.http.application import Application
from twofold.runtime.http.requests import Readings
from twofold.runtime.http.server import bind, serving

from examples.shop.orders import PlaceOrder

from .measuring import peak_memory, quiet_collector
from .shop_without_effects import app as shop

__all__ = [
    "BareEndpoint",
    "MakeServer",
    "Served",
    "ServerRun",
    "Settle",
    "bare_server",
    "bare_serving",
    "served",
    "twofold_server",
]

LOOK_EVERY = 0.002
"""Seconds between two looks at how far the handler is, once all is answered."""


class ServerRun(Struct, frozen=True):
    """What a server saw; times are nanoseconds of the machine's monotonic clock, which all processes share."""

    orders: int
    handled: int
    """When all were handled; of the bare one, when it was asked."""
    projected: int
    cpu_seconds: float
    """Of all threads, until all were projected."""
    peak_bytes: int


Settle: TypeAlias = Callable[[], Awaitable[tuple[int, int, int]]]
"""Waits until all is done and returns how many orders that were, and when they were handled and projected."""
MakeServer: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[int, Settle]]]
"""Serves for as long as the block lasts, on the port that it yields beside what waits."""


class Served:
    """A server in its process, as the benchmark speaks to it."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self.port: int = control.recv()

    def begin(self) -> None:
        """Begin to count the processor's time."""
        self._control.send("begin")
        self._control.recv()

    def settle(self) -> ServerRun:
        """Return what it saw, once all that it took is done."""
        self._control.send("settle")
        run: ServerRun = self._control.recv()
        return run


@contextmanager
def served(make: MakeServer, *args: object) -> Iterator[Served]:
    """Run the server `make(*args)` in a process of its own for as long as the block lasts, then stop it in order."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(make, args, theirs))
    process.start()
    theirs.close()
    try:
        yield Served(ours)
    finally:
        ours.close()
        process.join()


def _serve(make: MakeServer, args: tuple[object, ...], control: Connection) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    anyio.run(_measure, make(*args), control)


async def _measure(server: AbstractAsyncContextManager[tuple[int, Settle]], control: Connection) -> None:
    async with server as (port, settle):
        control.send(port)
        try:
            while await _next_word(control):
                with quiet_collector():
                    before = time.process_time_ns()
                    control.send("begun")
                    await _next_word(control)
                    seen = await settle()
                    control.send(ServerRun(*seen, (time.process_time_ns() - before) / 1e9, peak_memory()))
        except EOFError:  # whoever measures has what it wants, or is gone
            return


async def _next_word(control: Connection) -> Any:
    await anyio.wait_readable(control.fileno())
    return control.recv()


@asynccontextmanager
async def twofold_server(folder: Path, validator: ValidatorSettings | None = None) -> AsyncIterator[tuple[int, Settle]]:
    """Serve the shop on `folder`, with the bounds of `validator` in place of the usual ones."""
    settings = HttpSettings(port=0)
    bound, readings = bind(settings), Readings()
    config = Config(data=DataSettings(dir=folder), validator=validator or ValidatorSettings())
    runtime = Runtime(shop, config)

    async def settle() -> tuple[int, int, int]:
        while (found := runtime.readiness()).handled < found.log_end:  # noqa: ASYNC110 - nobody is told of this moment
            await anyio.sleep(LOOK_EVERY)
        handled = time.perf_counter_ns()
        await runtime.settled()
        return runtime.readiness().log_end, handled, time.perf_counter_ns()

    async with serving(bound, Application(runtime, readings), readings, settings) as stop_serving, runtime:
        yield bound.getsockname()[1], settle
        stop_serving()


@asynccontextmanager
async def bare_server() -> AsyncIterator[tuple[int, Settle]]:
    """Serve the bare endpoint, which keeps nothing."""
    endpoint = BareEndpoint()

    async def settle() -> tuple[int, int, int]:
        now = time.perf_counter_ns()
        return endpoint.orders, now, now

    async with bare_serving(endpoint) as port:
        yield port, settle


@asynccontextmanager
async def bare_serving(endpoint: "BareEndpoint") -> AsyncIterator[int]:
    """Serve `endpoint` for as long as the block lasts, on the port that is yielded."""
    settings = HttpSettings(port=0)
    bound, readings = bind(settings), Readings()
    bound.listen()  # nothing else is opened meanwhile, so the first connection may come before the server is up
    routes = [
        Route("/commands/{type}", endpoint.one, methods=["POST"]),
        Route("/commands", endpoint.stream, methods=["POST"]),
    ]
    async with serving(bound, Starlette(routes=routes), readings, settings):
        yield bound.getsockname()[1]


class _Line(Struct, frozen=True):
    type: str
    data: PlaceOrder


class _Told(Struct, frozen=True):
    status: int
    order_id: str


class BareEndpoint:
    """What is left of an endpoint when it only decodes the body and answers."""

    def __init__(self) -> None:
        self.orders = 0
        self.decode = msgspec.json.Decoder(PlaceOrder).decode
        self._line = msgspec.json.Decoder(_Line)
        self._encode = msgspec.json.Encoder().encode

    async def one(self, request: Request) -> Response:
        """Decode one order."""
        order = self.decode(await request.body())
        self.orders += 1
        return self.answer(order)

    def answer(self, order: PlaceOrder) -> Response:
        """Return what is told of one order."""
        return Response(self._encode(_Told(202, order.order_id)), 202, media_type="application/json")

    async def stream(self, request: Request) -> Response:
        """Decode a stream of orders, a line each."""
        orders = [line.data for line in self._line.decode_lines(await request.body())]
        self.orders += len(orders)
        told = b"".join(self._encode(_Told(202, order.order_id)) + b"\n" for order in orders)
        return Response(told, media_type="application/x-ndjson")
