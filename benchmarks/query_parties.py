"""The two parties that answer queries: Twofold, and bare aiosqlite on the same file with the same SQL.

Both have as many connections. The bare one hands its tasks a connection each in turn, and asks in one of two ways: by
`execute_fetchall`, one hop to the connection's thread, or by a cursor as aiosqlite's documentation has it, three hops.
It neither opens a transaction nor learns the position, checks no parameters, and makes no object of a row.
"""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

import aiosqlite
import anyio
import structlog
from msgspec import Struct
from twofold import Config, ReadDb, Runtime
from twofold.runtime.config import DataSettings, QuerySettings
from twofold.runtime.stores import DataFolder
from twofold.stores.sqlite.generation_files import serving_generation

from .measuring import Latencies, latencies, quiet_collector
from .shop_mix import Sent, endless_commands
from .shop_without_effects import app as shop

__all__ = [
    "CONNECTIONS",
    "SQL",
    "Kind",
    "NoAnswer",
    "QueryRun",
    "Way",
    "bare_connections",
    "come_in",
    "keys_of",
    "run_queries",
]

Kind: TypeAlias = Literal["point", "range"]
"""A product by its code, or the twenty orders from a number on."""
Way: TypeAlias = Literal["Twofold", "one hop", "cursor"]

POINT = "SELECT price, repriced_at, repricings FROM product WHERE sku = ?"
RANGE = "SELECT order_id, placed_at, total FROM placed_order WHERE order_id >= ? ORDER BY order_id LIMIT 20"
SQL: dict[Kind, str] = {"point": POINT, "range": RANGE}
KEYS: dict[Kind, str] = {"point": "SELECT sku FROM product", "range": "SELECT order_id FROM placed_order"}
MOST_KEYS = 10_000
CONNECTIONS = QuerySettings().readers
TICK = 0.02
"""Seconds between two handfuls of the commands that come in."""

Ask: TypeAlias = Callable[[int, str], Awaitable[Any]]
"""Asks, for a task of that number, for what has that key."""


class NoAnswer(Exception):
    """A key that is there was not found."""


class QueryRun(Struct, frozen=True):
    """How many queries were answered meanwhile."""

    queries: int
    seconds: float
    cpu_seconds: float
    """Of the whole process, with the commands that came in."""
    latencies: Latencies
    commands: int
    """Those that came in and were accepted."""


@shop.query("benchmark.orders_from")
async def orders_from(db: ReadDb, order_id: str) -> list[tuple[Any, ...]]:
    """Return twenty orders by their numbers."""
    return await db.rows(RANGE, order_id)


def run_queries(
    folder: Path, way: Way, kind: Kind, tasks: int, seconds: float, seed: int, rate: int, already: int
) -> QueryRun:
    """Have so many tasks ask for so many seconds, while `rate` commands a second come in, or none.

    `folder` holds `already` commands; Twofold takes those that come in, whoever is asked.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    commands = list(islice(endless_commands(seed + already, already=already), int(rate * seconds)))
    return anyio.run(_run, folder, way, kind, tasks, seconds, commands, rate)


async def _run(
    folder: Path, way: Way, kind: Kind, tasks: int, seconds: float, commands: list[Sent], rate: int
) -> QueryRun:
    async with AsyncExitStack() as stack:
        runtime = None
        if way == "Twofold" or commands:
            runtime = await stack.enter_async_context(Runtime(shop, Config(data=DataSettings(dir=folder))))
        connections = await stack.enter_async_context(bare_connections(folder))
        keys = await keys_of(connections[0], kind)
        ask = _bare(connections, way, kind) if way != "Twofold" or runtime is None else _asked(runtime, kind)
        waits: list[int] = []
        with quiet_collector():
            cpu_before, began = time.process_time_ns(), time.perf_counter_ns()
            async with anyio.create_task_group() as group:
                for task in range(tasks):
                    group.start_soon(
                        _ask_until, began + int(seconds * 1e9), ask, task, islice(cycle(keys), task, None), waits
                    )
                if runtime is not None and commands:
                    group.start_soon(come_in, runtime, commands, rate)
            taken, cpu = time.perf_counter_ns() - began, time.process_time_ns() - cpu_before
        return QueryRun(len(waits), taken / 1e9, cpu / 1e9, latencies(waits), len(commands))


async def keys_of(connection: aiosqlite.Connection, kind: Kind) -> list[str]:
    """Return what can be asked for."""
    return [key for (key,) in await connection.execute_fetchall(f"{KEYS[kind]} LIMIT {MOST_KEYS}")]


async def _ask_until(deadline: int, ask: Ask, task: int, keys: Iterator[str], waits: list[int]) -> None:
    now = time.perf_counter_ns
    for key in keys:
        before = now()
        if before >= deadline:
            return
        if not await ask(task, key):
            raise NoAnswer(key)
        waits.append(now() - before)


async def come_in(runtime: Runtime, commands: Iterable[Sent], rate: int) -> None:
    """Submit handful after handful at its time, or at once where that is over."""
    handful, source = max(1, int(rate * TICK)), iter(commands)
    due = time.perf_counter()
    while some := [command for command, _ in islice(source, handful)]:
        await runtime.submit_many(some)
        due += handful / rate
        await anyio.sleep(max(0.0, due - time.perf_counter()))


def _asked(runtime: Runtime, kind: Kind) -> Ask:
    async def product(_task: int, key: str) -> object:
        return (await runtime.query("shop.product", sku=key)).value

    async def orders(_task: int, key: str) -> object:
        return (await runtime.query("benchmark.orders_from", order_id=key)).value

    return product if kind == "point" else orders


def _bare(connections: Sequence[aiosqlite.Connection], way: Way, kind: Kind) -> Ask:
    sql, count = SQL[kind], len(connections)

    async def by_one_hop(task: int, key: str) -> object:
        return await connections[task % count].execute_fetchall(sql, (key,))

    async def by_cursor(task: int, key: str) -> object:
        async with connections[task % count].execute(sql, (key,)) as cursor:
            return await (cursor.fetchone() if kind == "point" else cursor.fetchall())

    return by_one_hop if way == "one hop" else by_cursor


@asynccontextmanager
async def bare_connections(folder: Path) -> AsyncIterator[list[aiosqlite.Connection]]:
    """Open the read database in `folder` to read only, as many times as Twofold does."""
    file = serving_generation(DataFolder(folder).read)
    assert file is not None
    uri = f"{file.absolute().as_uri()}?mode=ro"
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(aiosqlite.connect(uri, uri=True, isolation_level=None))
            for _ in range(CONNECTIONS)
        ]
