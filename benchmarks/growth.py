"""How the pipeline fares as the history grows: `python -m benchmarks.growth [--quick]`.

A folder is filled with the shop's commands, up to each of some sizes. At each size it takes turns, process by process,
with a copy of itself as it was at the first size: 1,024 tasks submit the same number of commands to each and wait until
they are projected. So the ratio at a size is that of the grown folder over the young one under the same conditions, and
at the first size it shows what the ratio is worth. Told besides are p99 latency, memory, and the sizes of the files.
Done for command ids that Twofold makes, which grow with time, and for random ids of clients, which are looked up.

One event follows from each command. A product's stream has as many events as its price was set; an order's has one.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal, TypeAlias, get_args

from msgspec import Struct
from twofold.runtime.stores import DataFolder

from .columns import aligned, with_spread
from .filled import Chunk, Filling, copy_of, fill, require_filled
from .goals import Goal, goal_table
from .measuring import Machine, in_own_process, machine
from .rounds import MEGABYTE
from .run_folder import run_folder
from .scenario import Durability, parser_for, recorded, write_records

__all__ = ["main"]

Ids: TypeAlias = Literal["made", "random"]
"""Whether Twofold makes the commands' ids, or their senders draw them at random."""

BYTES_AN_EVENT = 2_000
"""On the disk, of log and both databases, with what they have ahead of a checkpoint: some 1,200, and room to spare."""
LAST_CHUNKS = 5
"""So many of the last chunks of a filling tell its rate."""
DURABILITY: Durability = {"Twofold": "each command is synced before it is accepted, and committed with FULL"}


class GrowthSettings(Struct, frozen=True):
    """What is measured."""

    sizes: tuple[int, ...]
    """How many commands, each with an event, the folder holds."""
    turn: int
    """How many commands each party gets in its turn; as many come before, and are not counted."""
    ids: tuple[Ids, ...]
    rounds: int
    seed: int
    data: Path


class Bytes(Struct, frozen=True):
    """The sizes of the files, in bytes."""

    log: int
    write_db: int
    read: int


class Turn(Struct, frozen=True):
    """The young folder and the grown one, one after the other."""

    young: Chunk
    grown: Chunk
    load_average: float

    @property
    def ratio(self) -> float:
        """The grown one's rate over the young one's."""
        return rate(self.grown) / rate(self.young)

    @property
    def cpu_ratio(self) -> float:
        """The same by the processor's time."""
        return (self.young.cpu_seconds / self.young.commands) / (self.grown.cpu_seconds / self.grown.commands)


class Size(Struct, frozen=True):
    """What was measured at a size."""

    ids: Ids
    commands: int
    files: Bytes
    filling: Filling
    """Of the process that brought the folder up to the size, from the size before."""
    turns: list[Turn]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    parser = parser_for("growth", "Measure a growing history.")
    parser.add_argument("--sizes", type=int, nargs="+", help="at how many commands it is measured")
    parser.add_argument("--turn", type=int, help="how many commands a party gets in its turn")
    parser.add_argument("--ids", nargs="+", choices=get_args(Ids), help="who gives a command its id")
    given = parser.parse_args(arguments)
    sizes, turn, rounds = ([10_000, 40_000], 4_000, 1) if given.quick else ([100_000, 1_000_000, 5_000_000], 20_000, 5)
    sizes = sorted(given.sizes or sizes)
    settings = GrowthSettings(
        sizes=tuple(sizes),
        turn=given.turn or min(turn, sizes[0] // 5),
        ids=tuple(given.ids or (["made"] if given.quick else get_args(Ids))),
        rounds=given.rounds or rounds,
        seed=given.seed,
        data=given.data,
    )
    if any(after - before < 2 * settings.turn * settings.rounds for before, after in pairwise(sizes)):
        parser.error("The turns at a size go past the next one: take sizes further apart, or shorter turns.")
    settings.data.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(settings.data).free) < (needed := BYTES_AN_EVENT * sizes[-1]):
        parser.error(f"{settings.data} has {free / 1e9:.0f} GB free, and {sizes[-1]:,} events need {needed / 1e9:.0f}.")
    before = machine(settings.data)
    sizes_measured = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    goals = reached(sizes_measured)
    print(report(settings, before, sizes_measured, goals))
    write_records(given.json, settings, before, DURABILITY, [recorded("size", each) for each in sizes_measured], goals)
    return 0


def measure(settings: GrowthSettings, tell: Callable[[str], None]) -> list[Size]:
    """Let a folder grow for each kind of ids, and measure it at each size."""
    done: list[Size] = []
    for ids in settings.ids:
        with run_folder(settings.data) as folder, ExitStack() as stack:
            grown = Grower(folder / "data", settings, ids)
            young: Grower | None = None
            for size in settings.sizes:
                tell(f"ids {ids}: up to {size:,} commands")
                filling = grown.grow(size - grown.commands)
                files = bytes_of(grown.folder)
                if young is None:
                    young = Grower(stack.enter_context(copy_of(grown.folder, settings.data)), settings, ids)
                    young.commands = grown.commands
                turns = []
                for number in range(1, settings.rounds + 1):
                    tell(f"ids {ids}: at {size:,} commands, round {number}")
                    load = os.getloadavg()[0]
                    turns.append(Turn(young.turn(), grown.turn(), load))
                done.append(Size(ids, size, files, filling, turns))
            for each in filter(None, (young, grown)):
                tell(f"ids {ids}: verifying {each.commands:,} commands")
                in_own_process(require_filled, each.folder, each.commands)
    return done


class Grower:
    """A folder that commands are added to, each time by a new process."""

    def __init__(self, folder: Path, settings: GrowthSettings, ids: Ids) -> None:
        self.folder = folder
        self.commands = 0
        self._settings = settings
        self._random_ids = ids == "random"

    def grow(self, commands: int) -> Filling:
        """Add so many commands."""
        filling = in_own_process(
            fill,
            self.folder,
            commands,
            self._settings.seed,
            already=self.commands,
            random_ids=self._random_ids,
            chunk=self._settings.turn,
        )
        self.commands += commands
        return filling

    def turn(self) -> Chunk:
        """Add a chunk of commands that warms the process up, and another one that counts."""
        return self.grow(2 * self._settings.turn).chunks[-1]


def bytes_of(folder: Path) -> Bytes:
    """Return how large the files of a data folder are, which nobody has open."""
    names = DataFolder(folder)
    return Bytes(total(names.log), names.write_db.stat().st_size, total(names.read))


def total(folder: Path) -> int:
    """Return the bytes of all files in `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def rate(chunk: Chunk) -> float:
    """Return the commands a second."""
    return chunk.commands / chunk.seconds


def reached(sizes: Sequence[Size]) -> list[Goal]:
    """Return the goal, for each kind of ids, at the largest size."""
    first, most = min(size.commands for size in sizes), max(size.commands for size in sizes)
    return [
        Goal(
            f"throughput at {most:,} events over that at {first:,}, ids {size.ids}",
            median(turn.ratio for turn in size.turns),
            0.8,
            0.8,
            at_least=True,
        )
        for size in sizes
        if size.commands == most
    ]


def report(settings: GrowthSettings, measured_on: Machine, sizes: Sequence[Size], goals: Sequence[Goal]) -> str:
    """Return what was measured, as a table."""
    loads = [turn.load_average for size in sizes for turn in size.turns]
    head = [
        f"A growing history of the shop, seed {settings.seed}",
        f"{settings.rounds} turns of {settings.turn:,} commands at each size, which 1,024 tasks submit",
        measured_on.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the turns.",
        "Figures are medians over the turns; ratios are of a turn, over the folder as it was at the first size.",
        "Each turn is a new process, which reads from the disk anew what it needs of the databases.",
        "Rate while filling and memory are of the process that brought the folder here from the size before: the rate",
        f"over its last {LAST_CHUNKS * settings.turn:,} commands, the memory in the end.",
    ]
    rows = [
        (
            "ids",
            "events",
            "while filling",
            "commands/s",
            "ratio",
            "by CPU",
            "CPU us",
            "p99 ms",
            "log MB",
            "write DB MB",
            "read DB MB",
            "MB",
        )
    ]
    for size in sizes:
        grown = [turn.grown for turn in size.turns]
        rows.append(
            (
                size.ids,
                f"{size.commands:,}",
                f"{median(map(rate, size.filling.chunks[-LAST_CHUNKS:])):,.0f}",
                f"{median(map(rate, grown)):,.0f}",
                with_spread([turn.ratio for turn in size.turns]),
                f"{median(turn.cpu_ratio for turn in size.turns):.3f}",
                f"{median(run.cpu_seconds / run.commands for run in grown) * 1e6:.1f}",
                f"{median(run.latencies.p99 for run in grown) / 1e3:.0f}",
                f"{size.files.log / MEGABYTE:,.0f}",
                f"{size.files.write_db / MEGABYTE:,.0f}",
                f"{size.files.read / MEGABYTE:,.0f}",
                f"{size.filling.resident_bytes / MEGABYTE:.0f}",
            )
        )
    return "\n\n".join(("\n".join(head), aligned(rows), goal_table(goals)))


if __name__ == "__main__":
    sys.exit(main())
