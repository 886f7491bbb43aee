"""What a rebuild costs commands: their rate while one is under way, beside their rate while none is.

In one process, in turns: 64 tasks submit commands and wait until they are handled, for so many seconds, once with a
rebuild under way and once without. The rebuild starts before the first command and is given up after the last, which
leaves the generation that serves as it was; where it is done before, another one follows.
"""

import logging
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import anyio
import structlog
from msgspec import Struct
from twofold import Config, RebuildProgress, Runtime
from twofold.runtime.config import DataSettings

from .load import send_all, until
from .measuring import Latencies, latencies, quiet_collector
from .shop_mix import Sent, endless_commands
from .shop_without_effects import app as shop

__all__ = ["Beside", "BesidePair", "BesideRuns", "run_beside"]

TASKS = 64
MOST_A_SECOND = 20_000
"""So many commands are drawn for each second: more than are handled."""


class Beside(Struct, frozen=True):
    """The commands of one turn."""

    commands: int
    seconds: float
    latencies: Latencies
    rebuilt: int
    """How many events the rebuild applied meanwhile."""


class BesidePair(Struct, frozen=True):
    """A turn without a rebuild, and one with it."""

    alone: Beside
    beside: Beside

    @property
    def ratio(self) -> float:
        """The rate of the commands beside a rebuild over that without one."""
        return (self.beside.commands / self.beside.seconds) / (self.alone.commands / self.alone.seconds)


class BesideRuns(Struct, frozen=True):
    """All turns, and how many commands there were, those that came before the first turn too."""

    pairs: list[BesidePair]
    commands: int


def run_beside(folder: Path, already: int, seed: int, seconds: float, rounds: int) -> BesideRuns:
    """Measure on `folder`, which holds `already` commands, so many pairs of turns."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return anyio.run(_run, folder, endless_commands(seed + already, already=already), seconds, rounds)


async def _run(folder: Path, source: Iterator[Sent], seconds: float, rounds: int) -> BesideRuns:
    async with Runtime(shop, Config(data=DataSettings(dir=folder))) as runtime:
        commands = (await _turn(runtime, source, seconds / 4, Rebuilds())).commands
        pairs = []
        for _ in range(rounds):
            rebuilds = Rebuilds()
            alone = await _turn(runtime, source, seconds, rebuilds)
            async with anyio.create_task_group() as group:
                group.start_soon(rebuilds.one_after_the_other, runtime)
                await rebuilds.begun.wait()
                beside = await _turn(runtime, source, seconds, rebuilds)
                group.cancel_scope.cancel()
            pairs.append(BesidePair(alone, beside))
        await runtime.settled()
    return BesideRuns(pairs, commands + sum(pair.alone.commands + pair.beside.commands for pair in pairs))


class Rebuilds:
    """Rebuilds without end, and how many events they have applied."""

    def __init__(self) -> None:
        self.applied = 0
        self.begun = anyio.Event()
        """Set once there is a first step."""
        self._done = 0

    async def one_after_the_other(self, runtime: Runtime) -> None:
        """Rebuild until cancelled."""
        while True:
            self._done = 0
            await runtime.rebuild(self._count)

    def _count(self, progress: RebuildProgress) -> None:
        self.applied += progress.done - self._done
        self._done = progress.done
        self.begun.set()


async def _turn(runtime: Runtime, source: Iterator[Sent], seconds: float, rebuilds: Rebuilds) -> Beside:
    commands = iter(list(islice(source, int(MOST_A_SECOND * seconds))))
    with quiet_collector():
        applied_before, began = rebuilds.applied, time.perf_counter_ns()
        waits = await send_all(runtime, until(began + int(seconds * 1e9), commands), TASKS, "handled")
        taken = time.perf_counter_ns() - began
        return Beside(len(waits), taken / 1e9, latencies(waits), rebuilds.applied - applied_before)
