"""What one slow neighbour costs all others: `python -m benchmarks.neighbours [--quick]`.

64 tasks submit commands and wait until they are handled, and every few milliseconds somebody asks for a product; in
turns, without a neighbour and with one of four (see `benchmarks.slow_neighbours`): a consumer each of whose calls takes
a second, beside another one that is prompt; a query that computes for long; a reader that keeps a snapshot of both
databases open, so that no checkpoint gets past it; and, to compare the query with, a foreign process that computes.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import get_args

from msgspec import Struct

from .columns import aligned, with_spread
from .goals import Goal, goal_table
from .measuring import Latencies, Machine, in_own_process, machine
from .run_folder import run_folder
from .scenario import Durability, parser_for, recorded, write_records
from .slow_neighbours import TASKS, Neighbour, TurnPair, require_all_handled, run_neighbour

__all__ = ["main"]

TITLES: dict[Neighbour, str] = {
    "consumer": "slow consumer",
    "query": "slow query",
    "reader": "slow reader",
    "process": "busy process",
}
DURABILITY: Durability = {"Twofold": "each command is synced before it is accepted, and committed with FULL"}


class NeighbourSettings(Struct, frozen=True):
    """What is measured."""

    neighbours: tuple[Neighbour, ...]
    seconds: float
    """How long each turn lasts."""
    rounds: int
    seed: int
    data: Path


class Measured(Struct, frozen=True):
    """All turns beside one neighbour."""

    neighbour: Neighbour
    load_average: float
    pairs: list[TurnPair]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = parser_for("neighbours", "Measure what a slow neighbour costs the others.")
    parser.add_argument("--seconds", type=float, help="how long a turn lasts")
    parser.add_argument("--neighbours", nargs="+", choices=get_args(Neighbour), default=list(get_args(Neighbour)))
    given = parser.parse_args(arguments)
    seconds, rounds = (0.8, 1) if given.quick else (4.0, 3)
    settings = NeighbourSettings(
        tuple(given.neighbours), given.seconds or seconds, given.rounds or rounds, given.seed, given.data
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data)
    measured = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    goals = reached(measured)
    print(report(settings, before, measured, goals))
    write_records(given.json, settings, before, DURABILITY, [recorded("neighbour", each) for each in measured], goals)
    return 0


def measure(settings: NeighbourSettings, tell: Callable[[str], None]) -> list[Measured]:
    """Measure each neighbour in a process and a folder of its own, which is verified afterwards."""
    measured = []
    for neighbour in settings.neighbours:
        tell(f"a {TITLES[neighbour]}, {settings.rounds} rounds")
        load = os.getloadavg()[0]
        with run_folder(settings.data) as folder:
            runs = in_own_process(run_neighbour, neighbour, folder, settings.seed, settings.seconds, settings.rounds)
            in_own_process(require_all_handled, neighbour, folder, runs.commands)
        measured.append(Measured(neighbour, load, runs.pairs))
    return measured


def reached(measured: Sequence[Measured]) -> list[Goal]:
    """Return the goals: four fifths of the rate, since two processors are shared with the neighbour.

    There is none for the process that computes: it says what a processor less costs.
    """
    return [
        Goal(
            f"commands beside a {TITLES[each.neighbour]}, over those without",
            median(pair.ratio for pair in each.pairs),
            0.8,
            0.8,
            at_least=True,
        )
        for each in measured
        if each.neighbour != "process"
    ]


def report(
    settings: NeighbourSettings, measured_on: Machine, measured: Sequence[Measured], goals: Sequence[Goal]
) -> str:
    """Return what was measured, as a table."""
    loads = [each.load_average for each in measured]
    head = [
        f"{TASKS} tasks, handled, beside a slow neighbour; shop commands, seed {settings.seed}",
        f"{settings.rounds} rounds of {settings.seconds:g} s a turn",
        measured_on.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the turns.",
        "Figures are medians over the rounds; the prompt consumer is called for each return.",
    ]
    rows = [("", "commands/s", "ratio", "p50 ms", "p99 ms", "query p50 ms", "query p99 ms", "prompt calls/s")]
    for each in measured:
        for name, how in (("alone", "without"), ("beside", "beside")):
            turns = [getattr(pair, name) for pair in each.pairs]
            rows.append(
                (
                    f"{how} a {TITLES[each.neighbour]}",
                    f"{median(turn.commands / turn.seconds for turn in turns):,.0f}",
                    with_spread([pair.ratio for pair in each.pairs]) if name == "beside" else "",
                    *_percentiles([turn.latencies for turn in turns]),
                    *_percentiles([turn.queries for turn in turns]),
                    f"{median(turn.prompt_calls / turn.seconds for turn in turns):,.0f}"
                    if each.neighbour == "consumer"
                    else "",
                )
            )
    return "\n\n".join(("\n".join(head), aligned(rows), goal_table(goals)))


def _percentiles(some: Sequence[Latencies]) -> tuple[str, str]:
    return f"{median(each.p50 for each in some) / 1e3:.1f}", f"{median(each.p99 for each in some) / 1e3:.1f}"


if __name__ == "__main__":
    sys.exit(main())
