"""The slow neighbours, and the turns of those beside them: commands, point queries and a prompt consumer."""

import logging
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, closing
from itertools import cycle, islice
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import structlog
from msgspec import Struct
from twofold import Config, EventMeta, ReadDb, Runtime
from twofold.runtime.config import DataSettings
from twofold.runtime.stores import DataFolder
from twofold.stores.sqlite.generation_files import serving_generation

from examples.shop.returns import ReturnAccepted

from .filled import require_filled
from .load import send_all, until
from .measuring import Latencies, latencies, quiet_collector
from .shop_mix import Sent, endless_commands
from .shop_without_effects import app as shop

__all__ = ["TASKS", "Neighbour", "NeighbourRuns", "Turn", "TurnPair", "require_all_handled", "run_neighbour"]

Neighbour: TypeAlias = Literal["consumer", "query", "reader", "process"]
"""The last one is a process that has nothing to do with Twofold, and keeps one processor busy."""

TASKS = 64
MOST_A_SECOND = 20_000
"""So many commands are drawn for each second: more than are handled."""
ASK_EVERY = 0.005
"""Seconds between two point queries."""
SLOW_CALL = 1.0
"""Seconds that a call of the slow consumer takes."""
SLOW_ROWS = 5_000_000
"""So many rows the slow query counts."""


class Turn(Struct, frozen=True):
    """What all others did meanwhile."""

    commands: int
    seconds: float
    latencies: Latencies
    queries: Latencies
    prompt_calls: int


class TurnPair(Struct, frozen=True):
    """A turn without the neighbour, and one beside it."""

    alone: Turn
    beside: Turn

    @property
    def ratio(self) -> float:
        """The rate of the commands beside the neighbour over that without it."""
        return (self.beside.commands / self.beside.seconds) / (self.alone.commands / self.alone.seconds)


class NeighbourRuns(Struct, frozen=True):
    """All turns, and how many commands there were, those that came before the first turn too."""

    pairs: list[TurnPair]
    commands: int


@shop.query("benchmark.some_products")
async def some_products(db: ReadDb) -> list[str]:
    """Return a thousand products by their codes."""
    return [sku for (sku,) in await db.rows("SELECT sku FROM product LIMIT 1000")]


@shop.query("benchmark.slow")
async def count_slowly(db: ReadDb) -> int:
    """Count for long, on one of the connections."""
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n"
    return int((await db.rows(count, SLOW_ROWS))[0][0])


class Consumers:
    """Two consumers of the same events: one is prompt, the other one is slow while it is told to be."""

    def __init__(self) -> None:
        self.prompt_calls = 0
        self._is_over = anyio.Event()
        self._is_over.set()

    def register(self) -> None:
        """Register both with the shop, for the rest of this process."""

        @shop.consumer("benchmark-prompt")
        async def prompt(_event: ReturnAccepted, _meta: EventMeta) -> None:
            self.prompt_calls += 1

        @shop.consumer("benchmark-slow")
        async def slow(_event: ReturnAccepted, _meta: EventMeta) -> None:
            with anyio.move_on_after(SLOW_CALL):
                await self._is_over.wait()

    @asynccontextmanager
    async def slow(self) -> AsyncIterator[None]:
        """Let the slow one be slow for as long as the block lasts."""
        self._is_over = anyio.Event()
        try:
            yield
        finally:
            self._is_over.set()


@asynccontextmanager
async def slow_query(runtime: Runtime) -> AsyncIterator[None]:
    """Ask one slow query after the other for as long as the block lasts."""

    async def ask() -> None:
        while True:
            await runtime.query("benchmark.slow")

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        yield
        group.cancel_scope.cancel()


@asynccontextmanager
async def slow_reader(folder: Path) -> AsyncIterator[None]:
    """Keep a snapshot of both databases open for as long as the block lasts, as a long export does."""
    names = DataFolder(folder)
    read_db = serving_generation(names.read)
    assert read_db is not None
    with ExitStack() as stack:
        for file in (names.write_db, read_db):
            uri = f"{file.absolute().as_uri()}?mode=ro"
            connection = stack.enter_context(closing(sqlite3.connect(uri, uri=True, isolation_level=None)))
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield


@asynccontextmanager
async def busy_process() -> AsyncIterator[None]:
    """Keep a processor busy for as long as the block lasts, with a process that knows nothing of this one."""
    async with await anyio.open_process([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def run_neighbour(neighbour: Neighbour, folder: Path, seed: int, seconds: float, rounds: int) -> NeighbourRuns:
    """Measure on `folder`, which is empty, so many pairs of turns."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    consumers = Consumers()
    if neighbour == "consumer":
        consumers.register()
    return anyio.run(_run, neighbour, folder, endless_commands(seed), seconds, rounds, consumers)


def require_all_handled(neighbour: Neighbour, folder: Path, commands: int) -> None:
    """Verify `folder`, whose domain has two consumers more if one of them was the neighbour."""
    if neighbour == "consumer":
        Consumers().register()
    require_filled(folder, commands)


async def _run(
    neighbour: Neighbour, folder: Path, source: Iterator[Sent], seconds: float, rounds: int, consumers: Consumers
) -> NeighbourRuns:
    async with Runtime(shop, Config(data=DataSettings(dir=folder))) as runtime:
        begin: dict[Neighbour, Callable[[], AbstractAsyncContextManager[None]]] = {
            "consumer": consumers.slow,
            "query": lambda: slow_query(runtime),
            "reader": lambda: slow_reader(folder),
            "process": busy_process,
        }
        first = [command for command, _ in islice(source, 2_000)]
        await runtime.submit_many(first, wait="projected")
        commands = len(first) + (await _turn(runtime, source, seconds / 4, consumers)).commands
        pairs = []
        for _ in range(rounds):
            await runtime.settled()
            alone = await _turn(runtime, source, seconds, consumers)
            await runtime.settled()
            async with begin[neighbour]():
                beside = await _turn(runtime, source, seconds, consumers)
            pairs.append(TurnPair(alone, beside))
        await runtime.settled()
    return NeighbourRuns(pairs, commands + sum(pair.alone.commands + pair.beside.commands for pair in pairs))


async def _turn(runtime: Runtime, source: Iterator[Sent], seconds: float, consumers: Consumers) -> Turn:
    commands = iter(list(islice(source, int(MOST_A_SECOND * seconds))))
    skus = cycle((await runtime.query("benchmark.some_products")).value)
    asked: list[int] = []
    now = time.perf_counter_ns

    async def ask_once() -> None:
        before = now()
        await runtime.query("shop.product", sku=next(skus))
        asked.append(now() - before)

    async def ask() -> None:
        while True:
            await ask_once()
            await anyio.sleep(ASK_EVERY)

    await ask_once()
    with quiet_collector():
        calls, began = consumers.prompt_calls, now()
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            waits = await send_all(runtime, until(began + int(seconds * 1e9), commands), TASKS, "handled")
            taken = now() - began
            group.cancel_scope.cancel()
        return Turn(len(waits), taken / 1e9, latencies(waits), latencies(asked), consumers.prompt_calls - calls)
