"""Rebuilding the read database, beside a straight loop: `python -m benchmarks.rebuild [--quick]`.

Idle: events a second of `runtime.rebuild()` over a folder of the shop's commands, and of a straight loop (see
`benchmarks.bare_rebuild`) that selects, decodes and writes the same rows; what both leave is compared row by row. Under
load: how many commands a second are handled beside a rebuild, and without one (see `benchmarks.rebuild_beside`).
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import anyio
import structlog
from msgspec import Struct
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings
from twofold.runtime.stores import DataFolder
from twofold.stores.sqlite.generation_files import serving_generation

from .bare_rebuild import RebuildRun, rebuild_straight
from .columns import aligned, with_spread
from .filled import copy_of, filled, require_filled
from .goals import Goal, goal_table
from .measuring import Machine, in_own_process, machine, quiet_collector
from .rebuild_beside import BesidePair, run_beside
from .run_folder import run_folder
from .same_rows import require_same_reads
from .scenario import Durability, parser_for, recorded, write_records
from .shop_without_effects import app as shop

__all__ = ["main"]

DURABILITY: Durability = {
    "Twofold": "a transaction a step with synchronous=NORMAL; checkpointed and synced before it serves",
    "straight loop": "a transaction a step with synchronous=NORMAL; checkpointed and synced at the end",
}


class RebuildSettings(Struct, frozen=True):
    """What is measured."""

    commands: int
    """Of each follows one event."""
    seconds: float
    """How long each load beside a rebuild lasts."""
    rounds: int
    seed: int
    data: Path


class RebuildPair(Struct, frozen=True):
    """Both parties over the same events."""

    load_average: float
    straight: RebuildRun
    twofold: RebuildRun
    same_rows: int

    @property
    def ratio(self) -> float:
        """The straight loop's time over Twofold's."""
        return self.straight.seconds / self.twofold.seconds


class RebuildResults(Struct, frozen=True):
    """All pairs of both parts."""

    idle: list[RebuildPair]
    beside: list[BesidePair]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    parser = parser_for("rebuild", "Measure rebuilds of the read database.")
    parser.add_argument("--commands", type=int, help="how many the folder holds")
    parser.add_argument("--seconds", type=float, help="how long a load beside a rebuild lasts")
    parser.add_argument("--filled", type=Path, metavar="FOLDER", help="keep the filled folder there, or find it there")
    given = parser.parse_args(arguments)
    commands, seconds, rounds = (20_000, 0.8, 1) if given.quick else (1_000_000, 5.0, 3)
    settings = RebuildSettings(
        given.commands or commands, given.seconds or seconds, given.rounds or rounds, given.seed, given.data
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data)
    results = measure(settings, given.filled, lambda line: print(line, file=sys.stderr, flush=True))
    goals = reached(results)
    print(report(settings, before, results, goals))
    measured = [recorded("idle", pair) for pair in results.idle] + [recorded("beside", pair) for pair in results.beside]
    write_records(given.json, settings, before, DURABILITY, measured, goals)
    return 0


def measure(settings: RebuildSettings, kept: Path | None, tell: Callable[[str], None]) -> RebuildResults:
    """Fill a folder, let the parties rebuild its read database in turns, and measure commands beside a rebuild."""
    tell(f"a folder of {settings.commands:,} commands")
    with ExitStack() as stack:
        folder = stack.enter_context(filled(kept, settings.data, settings.commands, settings.seed))
        data = stack.enter_context(copy_of(folder.data, settings.data))
        idle = [_pair(settings, number, data, tell) for number in range(1, settings.rounds + 1)]
        tell("commands beside a rebuild")
        beside = in_own_process(run_beside, data, settings.commands, settings.seed, settings.seconds, settings.rounds)
        in_own_process(require_filled, data, settings.commands + beside.commands)
        return RebuildResults(idle, beside.pairs)


def _pair(settings: RebuildSettings, number: int, data: Path, tell: Callable[[str], None]) -> RebuildPair:
    load = os.getloadavg()[0]
    with run_folder(settings.data) as folder:
        file = folder / "read.db"
        tell(f"round {number}: the straight loop")
        straight = in_own_process(rebuild_straight, DataFolder(data).write_db, file)
        tell(f"round {number}: Twofold")
        twofold = in_own_process(rebuild_once, data)
        serving = serving_generation(DataFolder(data).read)
        assert serving is not None
        return RebuildPair(load, straight, twofold, require_same_reads(file, serving))


def rebuild_once(folder: Path) -> RebuildRun:
    """Rebuild the read database in `folder`; the runtime opens and closes off the clock."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return anyio.run(_rebuild_once, folder)


async def _rebuild_once(folder: Path) -> RebuildRun:
    async with Runtime(shop, Config(data=DataSettings(dir=folder))) as runtime:
        with quiet_collector():
            cpu_before, began = time.process_time(), time.perf_counter()
            rebuilt = await runtime.rebuild()
            return RebuildRun(rebuilt.events, time.perf_counter() - began, time.process_time() - cpu_before)


def reached(results: RebuildResults) -> list[Goal]:
    """Return the goals."""
    idle, beside = (median(pair.ratio for pair in pairs) for pairs in (results.idle, results.beside))
    return [
        Goal("rebuild, over a straight loop", idle, 0.6, 0.6, at_least=True),
        Goal("commands beside a rebuild, over those without", beside, 0.667, 0.667, at_least=True),
    ]


def report(settings: RebuildSettings, measured_on: Machine, results: RebuildResults, goals: Sequence[Goal]) -> str:
    """Return what was measured, as tables."""
    loads = [pair.load_average for pair in results.idle]
    head = [
        f"Rebuilds from {settings.commands:,} events, seed {settings.seed}; {settings.rounds} rounds",
        measured_on.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the pairs.",
        f"Both parties left the same {results.idle[-1].same_rows:,} rows. Figures are medians over the rounds.",
    ]
    idle = [("idle", "events/s", "CPU us an event", "ratio")]
    straight, twofold = ([getattr(pair, name) for pair in results.idle] for name in ("straight", "twofold"))
    idle.append(("straight loop", *_rates(straight), ""))
    idle.append(("Twofold", *_rates(twofold), with_spread([pair.ratio for pair in results.idle])))
    beside = [("64 tasks, handled", "commands/s", "p50 ms", "p99 ms", "rebuilt events/s", "ratio")]
    for name, what in (("alone", "without a rebuild"), ("beside", "beside a rebuild")):
        runs = [getattr(pair, name) for pair in results.beside]
        rates = (
            f"{median(run.commands / run.seconds for run in runs):,.0f}",
            f"{median(run.latencies.p50 for run in runs) / 1e3:.2f}",
            f"{median(run.latencies.p99 for run in runs) / 1e3:.2f}",
            f"{median(run.rebuilt / run.seconds for run in runs):,.0f}",
        )
        ratio = with_spread([pair.ratio for pair in results.beside]) if name == "beside" else ""
        beside.append((what, *rates, ratio))
    return "\n\n".join(("\n".join(head), aligned(idle), aligned(beside), goal_table(goals)))


def _rates(runs: Sequence[RebuildRun]) -> tuple[str, str]:
    return (
        f"{median(run.events / run.seconds for run in runs):,.0f}",
        f"{median(run.cpu_seconds / run.events for run in runs) * 1e6:.1f}",
    )


if __name__ == "__main__":
    sys.exit(main())
