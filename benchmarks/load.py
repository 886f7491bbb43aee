"""Twofold under load: so many tasks that each submit a command, wait for its stage, and submit the next."""

import importlib.util
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
import structlog
from msgspec import Struct
from twofold import App, Config, Runtime
from twofold.actors.submission import Stage
from twofold.runtime.config import DataSettings

from .measuring import Latencies, latencies, peak_memory, quiet_collector, resident_memory
from .shop_mix import Sent, draw_commands
from .shop_without_effects import app as shop_without_effects
from .whole_shop import whole_shop

__all__ = ["LoadRun", "has_uvloop", "run_load", "send_all", "until"]


class LoadRun(Struct, frozen=True):
    """How long the commands took, in seconds, and how much memory."""

    tasks: int
    wait: Stage
    commands: int
    seconds: float
    """Until the last command was answered at its stage."""
    settled_seconds: float
    """Until the events of all of them were projected, and their effects, if they are on, done."""
    cpu_seconds: float
    """The time of the processor until then, of all threads; a busy machine disturbs it less."""
    latencies: Latencies
    peak_bytes: int
    """The most that the process ever held, without the benchmark's own list of commands."""


def has_uvloop() -> bool:
    """Whether uvloop is installed, which Twofold does not need."""
    return importlib.util.find_spec("uvloop") is not None


def run_load(
    count: int, seed: int, folder: Path, tasks: int, wait: Stage, sender_ids: bool, effects: bool, uvloop: bool = False
) -> LoadRun:
    """Submit `count` commands to a runtime on `folder`, which is empty; the runtime opens and closes off the clock.

    With `uvloop` its event loop runs them, otherwise asyncio's own.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    before = resident_memory()
    commands = draw_commands(count, seed, sender_ids=sender_ids)
    of_the_mix = resident_memory() - before
    app = whole_shop() if effects else shop_without_effects
    times, waits = anyio.run(_drive, app, commands, folder, tasks, wait, backend_options={"use_uvloop": uvloop})
    return LoadRun(tasks, wait, count, *times, latencies(waits), peak_memory() - of_the_mix)


class _Times(NamedTuple):
    seconds: float
    settled_seconds: float
    cpu_seconds: float


async def _drive(app: App, commands: Sequence[Sent], folder: Path, tasks: int, wait: Stage) -> tuple[_Times, list[int]]:
    now = time.perf_counter_ns
    async with Runtime(app, Config(data=DataSettings(dir=folder))) as runtime:
        with quiet_collector():
            cpu_before, started = time.process_time_ns(), now()
            waits = await send_all(runtime, commands, tasks, wait)
            answered = now()
            await runtime.settled()
            settled, cpu = now(), time.process_time_ns() - cpu_before
    return _Times((answered - started) / 1e9, (settled - started) / 1e9, cpu / 1e9), waits


async def send_all(runtime: Runtime, commands: Iterable[Sent], tasks: int, wait: Stage) -> list[int]:
    """Have so many tasks submit `commands` until there are no more, and return how long each waited, in nanoseconds."""
    waits: list[int] = []
    source = iter(commands)
    now = time.perf_counter_ns

    async def send() -> None:
        for command, command_id in source:
            before = now()
            await runtime.submit(command, command_id=command_id, wait=wait)
            waits.append(now() - before)

    async with anyio.create_task_group() as senders:
        for _ in range(tasks):
            senders.start_soon(send)
    return waits


def until(deadline: int, commands: Iterable[Sent]) -> Iterator[Sent]:
    """Yield the commands until that nanosecond of the monotonic clock."""
    for sent in commands:
        if time.perf_counter_ns() >= deadline:
            return
        yield sent
