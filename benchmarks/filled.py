"""A data folder that holds a given number of the shop's commands, handled and projected by Twofold itself.

The commands are drawn in chunks, each off the clock, so that neither drawing nor a list of millions of them is in any
figure. Each chunk is timed until all of it is projected.
"""

import logging
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from uuid import UUID

import anyio
import msgspec
import structlog
from msgspec import Struct
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.verification import verify

from .load import send_all
from .measuring import Latencies, in_own_process, latencies, peak_memory, quiet_collector, resident_memory
from .run_folder import run_folder
from .shop_mix import Sent, endless_commands
from .shop_without_effects import app as shop
from .whole_shop import whole_shop

__all__ = [
    "Chunk",
    "FilledFolder",
    "FilledWrongly",
    "Filling",
    "chunks_of",
    "copy_of",
    "fill",
    "filled",
    "require_filled",
]

CHUNK = 10_000
TASKS = 1_024


class FilledWrongly(Exception):
    """A folder is not sound, or does not hold what was submitted."""


class Chunk(Struct, frozen=True):
    """So many commands, submitted by 1,024 tasks that wait until they are projected."""

    commands: int
    after: int
    """How many the folder held before them."""
    seconds: float
    cpu_seconds: float
    latencies: Latencies
    resident_bytes: int
    """Once they were projected."""


class Filling(Struct, frozen=True):
    """One process that submitted commands, and what it held in memory."""

    chunks: list[Chunk]
    idle_bytes: int
    """Resident before the first command, with everything open."""
    resident_bytes: int
    """Resident after the last, with the chunk of commands that the benchmark itself has drawn."""
    peak_bytes: int


class FilledFolder(Struct, frozen=True):
    """A folder and how it came to be."""

    data: Path
    commands: int
    filling: Filling


def fill(
    folder: Path, commands: int, seed: int, *, already: int = 0, random_ids: bool = False, chunk: int = CHUNK
) -> Filling:
    """Submit so many commands to a runtime on `folder`, which holds `already` others, a `chunk` after the other.

    With `random_ids` each has an id that its sender drew at random; otherwise Twofold makes one that grows with time.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return anyio.run(_fill, folder, chunks_of(commands, seed, already, chunk, random_ids=random_ids), already)


def chunks_of(commands: int, seed: int, already: int, size: int, *, random_ids: bool) -> Iterator[list[Sent]]:
    """Yield so many commands in lists; `already` so many were drawn before, from whatever seed."""
    source = islice(endless_commands(seed + already, already=already), commands)
    numbers = random_numbers(seed + already)
    while chunk := list(islice(source, size)):
        yield [Sent(command, str(next(numbers))) for command, _ in chunk] if random_ids else chunk


def random_numbers(seed: int) -> Iterator[UUID]:
    """Yield ids as a client would draw them: without any order."""
    draw = random.Random(seed)
    while True:
        yield UUID(int=draw.getrandbits(128), version=4)


async def _fill(folder: Path, chunks: Iterator[list[Sent]], already: int) -> Filling:
    done: list[Chunk] = []
    async with Runtime(shop, Config(data=DataSettings(dir=folder))) as runtime:
        idle = resident_memory()
        for commands in chunks:
            done.append(await _timed(runtime, commands, already))
            already += len(commands)
        return Filling(done, idle, resident_memory(), peak_memory())


async def _timed(runtime: Runtime, commands: list[Sent], after: int) -> Chunk:
    with quiet_collector():
        cpu_before, began = time.process_time_ns(), time.perf_counter_ns()
        waits = await send_all(runtime, commands, TASKS, "projected")
        seconds, cpu = (time.perf_counter_ns() - began) / 1e9, (time.process_time_ns() - cpu_before) / 1e9
    return Chunk(len(commands), after, seconds, cpu, latencies(waits), resident_memory())


@contextmanager
def filled(kept: Path | None, parent: Path, commands: int, seed: int) -> Iterator[FilledFolder]:
    """Fill a folder with so many commands, verify it, and remove it after the block.

    In `kept`, if there is such a folder, it stays for whoever comes next with the same number and seed: the scenarios
    of one run of the suite, which takes as its own what it writes there and removes it in the end.
    """
    if kept is not None:
        yield _filled_once(kept / f"{commands}-{seed}", commands, seed)
        return
    with run_folder(parent) as folder:
        yield _filled_once(folder, commands, seed)


def _filled_once(folder: Path, commands: int, seed: int) -> FilledFolder:
    data, account = folder / "data", folder / "filling.json"
    if account.exists():
        return FilledFolder(data, commands, msgspec.json.decode(account.read_bytes(), type=Filling))
    folder.mkdir(parents=True, exist_ok=True)
    filling = in_own_process(fill, data, commands, seed)
    in_own_process(require_filled, data, commands)
    account.write_bytes(msgspec.json.encode(filling))
    return FilledFolder(data, commands, filling)


@contextmanager
def copy_of(folder: Path, parent: Path) -> Iterator[Path]:
    """Copy `folder`, and remove the copy after the block."""
    with run_folder(parent) as copy:
        shutil.copytree(folder, copy / "data")
        yield copy / "data"


def require_filled(folder: Path, commands: int, *, effects: bool = False) -> None:
    """Verify `folder`, as `twofold verify` does, and that it holds the outcomes of so many commands, all handled.

    With `effects` it is the whole shop's.

    Raises:
        FilledWrongly: it is not sound, or holds another number.
    """
    app = whole_shop() if effects else shop
    report = anyio.run(verify, DataFolder(folder), app.domain())
    checked = report.checked
    if not report.is_sound or checked.unhandled or checked.outcomes != commands:
        raise FilledWrongly(f"After {commands} commands {folder} holds {checked}; faults: {report.faults}.")
