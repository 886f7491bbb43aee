"""The two servers that answer queries over HTTP: Twofold, and a bare endpoint that asks bare aiosqlite.

Both stand on the product's own server, under the same settings, and have as many connections to the read database. The
bare one neither opens a transaction nor learns the position, checks no parameters, and makes no object of a row: it
writes the rows as they are. Where commands come in meanwhile, Twofold takes them, in the process of the server.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, takewhile
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import aiosqlite
import anyio
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings, HttpSettings
from twofold.runtime.http.application import Application
from twofold.runtime.http.requests import Readings
from twofold.runtime.http.server import bind, serving

from .http_client import AnswersDiffer
from .http_orders import END_MARK
from .http_server import Settle
from .query_parties import SQL, Kind, bare_connections, come_in, keys_of
from .shop_mix import endless_commands
from .shop_without_effects import app as shop

__all__ = ["QueryParty", "check_answer", "query_server", "write_queries"]

QueryParty: TypeAlias = Literal["bare aiosqlite", "Twofold"]

ASKED: dict[Kind, tuple[str, str]] = {"point": ("shop.product", "sku"), "range": ("benchmark.orders_from", "order_id")}
"""The name of the query, and that of its parameter."""


@asynccontextmanager
async def query_server(
    party: QueryParty, folder: Path, seed: int, rate: int, already: int
) -> AsyncIterator[tuple[int, Settle]]:
    """Serve `folder`, which holds `already` commands, while `rate` commands a second come in, or none."""
    settings = HttpSettings(port=0)
    bound, readings = bind(settings), Readings()
    async with AsyncExitStack() as stack:
        runtime = None
        if party == "Twofold" or rate:
            runtime = await stack.enter_async_context(Runtime(shop, Config(data=DataSettings(dir=folder))))
        app: ASGIApp
        if party == "Twofold" and runtime is not None:
            app = Application(runtime, readings)
        else:
            app = _bare(await stack.enter_async_context(bare_connections(folder)))
        stop_serving = await stack.enter_async_context(serving(bound, app, readings, settings))
        group = await stack.enter_async_context(anyio.create_task_group())
        asked_for, all_came = anyio.Event(), anyio.Event()

        async def come() -> None:
            if runtime is not None and rate:
                source = endless_commands(seed + already, already=already)
                await come_in(runtime, takewhile(lambda _: not asked_for.is_set(), source), rate)
            all_came.set()

        group.start_soon(come)

        async def settle() -> tuple[int, int, int]:
            now = time.perf_counter_ns()
            asked_for.set()
            await all_came.wait()
            if runtime is None:
                return 0, now, now
            await runtime.settled()
            return runtime.readiness().log_end - already, now, time.perf_counter_ns()

        try:
            yield bound.getsockname()[1], settle
        finally:
            asked_for.set()
            stop_serving()


async def write_queries(file: Path, folder: Path, kind: Kind, port: int) -> None:
    """Write a request for each thing that can be asked for."""
    name, parameter = ASKED[kind]
    async with bare_connections(folder) as connections:
        keys = await keys_of(connections[0], kind)
    paths = (f"/queries/{name}?{urlencode({parameter: key})}" for key in keys)
    requests = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode() for path in paths)
    file.write_bytes(END_MARK.join(requests))


def check_answer(answer: bytes) -> int:
    """Return 1, if the answer has what was asked for."""
    if not answer.startswith(b"HTTP/1.1 200 ") or b'"value":' not in answer or b'"value":null' in answer:
        raise AnswersDiffer(f"A query was answered {answer[:2000]!r}.")
    return 1


def _bare(connections: list[aiosqlite.Connection]) -> Starlette:
    turn, encode = cycle(connections), msgspec.json.Encoder().encode

    def endpoint(kind: Kind) -> Route:
        name, parameter = ASKED[kind]

        async def answer(request: Request) -> Response:
            rows: Any = await next(turn).execute_fetchall(SQL[kind], (request.query_params[parameter],))
            return Response(encode({"value": list(rows) or None}), media_type="application/json")

        return Route(f"/queries/{name}", answer)

    return Starlette(routes=[endpoint("point"), endpoint("range")])
