"""One start, as `benchmarks.start` begins it: `python -m benchmarks.first_query FOLDER`.

It opens the folder, asks one query, and prints when it had come how far: nanoseconds of the machine's monotonic clock,
which all processes share.
"""

import sys
import time
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings

from .measuring import resident_memory
from .shop_without_effects import app as shop

__all__ = ["StartRun"]


class StartRun(Struct, frozen=True):
    """When a process had come how far, and what it then held in memory."""

    imported: int
    opened: int
    answered: int
    settled: int
    """All that the log held is handled and projected."""
    resident_bytes: int


async def start(folder: Path, imported: int) -> StartRun:
    """Open `folder` and ask it one query."""
    async with Runtime(shop, Config(data=DataSettings(dir=folder))) as runtime:
        opened = time.perf_counter_ns()
        await runtime.query("shop.product", sku="none has this one")
        answered = time.perf_counter_ns()
        resident = resident_memory()
        await runtime.settled()
        return StartRun(imported, opened, answered, time.perf_counter_ns(), resident)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(anyio.run(start, Path(sys.argv[1]), time.perf_counter_ns())))
