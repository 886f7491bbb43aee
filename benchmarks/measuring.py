"""How things are measured: each party in a process of its own, latencies as percentiles, and on which machine."""

import importlib.metadata
import os
import platform
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from msgspec import Struct
from twofold.runtime.cli.collector import rare_collections

__all__ = [
    "Latencies",
    "Machine",
    "in_own_process",
    "latencies",
    "machine",
    "peak_memory",
    "quiet_collector",
    "resident_memory",
    "written_bytes",
]

P = ParamSpec("P")
T = TypeVar("T")


class Latencies(Struct, frozen=True):
    """Percentiles, in microseconds."""

    p50: float
    p99: float


class Machine(Struct, frozen=True):
    """What was measured on what, and when."""

    date: str
    """In UTC, to the second."""
    python: str
    sqlite: str
    packages: dict[str, str]
    system: str
    processors: int
    load_average: tuple[float, float, float]
    filesystem: str

    def described(self) -> str:
        """Return all of it on two lines."""
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        return (
            f"Python {self.python}, SQLite {self.sqlite}, {packages}\n"
            f"{self.system}, {self.processors} processors, load {self.load_average[0]:.2f}, {self.filesystem}"
        )


def in_own_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a new process, so that neither memory nor caches of another party count."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *args, **kwargs).result()


def latencies(nanoseconds: Sequence[int]) -> Latencies:
    """Return the percentiles of `nanoseconds`, of which there is at least one."""
    ordered = sorted(nanoseconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1e3 for part in (0.50, 0.99))
    return Latencies(p50, p99)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Have the collector of cycles as `twofold run` has it, for each party alike, and off what the benchmark made."""
    with rare_collections():
        yield


def peak_memory() -> int:
    """Return the most bytes of memory that this process ever held resident."""
    return _status("VmHWM")


def resident_memory() -> int:
    """Return the bytes of memory that this process holds resident."""
    return _status("VmRSS")


def machine(folder: Path, *more_packages: str) -> Machine:
    """Return what this machine is, and on which file system `folder` lies."""
    names = ("twofold", "msgspec", "anyio", "aiosqlite", *more_packages)
    return Machine(
        datetime.now(UTC).isoformat(timespec="seconds"),
        platform.python_version(),
        sqlite3.sqlite_version,
        {name: importlib.metadata.version(name) for name in names},
        platform.platform(),
        len(os.sched_getaffinity(0)),
        os.getloadavg(),
        _filesystem(folder),
    )


def written_bytes() -> int:
    """Return how many bytes this process has had written to the disk, as the kernel counts them: whole pages."""
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    raise LookupError("/proc/self/io has no write_bytes")


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(f"/proc/self/status has no {field}")


def _filesystem(folder: Path) -> str:
    mounts = [line.split()[:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    device, _, kind = max(
        (mount for mount in mounts if folder.resolve().is_relative_to(mount[1])), key=lambda mount: len(mount[1])
    )
    return f"{kind} on {device}"
