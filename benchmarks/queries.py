"""Queries in process, beside bare aiosqlite: `python -m benchmarks.queries [--quick]`.

A point query (a product by its code) and a range query (twenty orders) of the shop's read database, asked by 1 and by
64 tasks, while nothing else is done and while commands come in. Bare aiosqlite (see `benchmarks.query_parties`) reads
the same file with the same SQL on as many connections. Twofold checks parameters, opens a snapshot, reads the position
and makes the objects of the answer besides.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from msgspec import Struct

from .columns import aligned, with_spread
from .filled import filled, require_filled
from .goals import Goal, goal_table
from .measuring import Machine, in_own_process, machine
from .query_parties import CONNECTIONS, Kind, QueryRun, Way, run_queries
from .scenario import Durability, parser_for, party, recorded, write_records

__all__ = ["main"]

GOAL_TASKS = 64
WAYS: tuple[Way, ...] = "one hop", "Twofold", "cursor"
DURABILITY: Durability = {
    "Twofold": "reads; the commands that come in are synced before they are accepted, and committed with FULL",
    "bare aiosqlite": "reads; the same commands come in through Twofold",
}


class QuerySettings(Struct, frozen=True):
    """What is measured."""

    commands: int
    """How many the read database was filled with."""
    seconds: float
    """How long each load lasts."""
    rates: tuple[int, ...]
    """How many commands come in a second."""
    tasks: tuple[int, ...]
    rounds: int
    seed: int
    data: Path

    def cells(self) -> Iterator[tuple[int, Kind, int]]:
        """Yield the loads, by the commands that come in, the kind of query and the tasks."""
        kinds: tuple[Kind, ...] = "point", "range"
        for rate in self.rates:
            for kind in kinds:
                for tasks in self.tasks:
                    yield rate, kind, tasks


FULL = QuerySettings(100_000, 2.0, (0, 500), (1, GOAL_TASKS), 3, 1, Path())
QUICK = QuerySettings(5_000, 0.3, (0, 500), (1, GOAL_TASKS), 1, 1, Path())


class Asked(Struct, frozen=True):
    """One load, in each of the three ways in turn."""

    round: int
    rate: int
    kind: Kind
    tasks: int
    load_average: float
    runs: dict[Way, QueryRun]

    def rate_of(self, way: Way) -> float:
        """Return the queries a second."""
        return self.runs[way].queries / self.runs[way].seconds

    def ratio(self, way: Way) -> float:
        """Return Twofold's rate over that of a bare way."""
        return self.rate_of("Twofold") / self.rate_of(way)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = parser_for("queries", "Measure queries in process.")
    parser.add_argument("--commands", type=int, help="how many commands the read database is filled with")
    parser.add_argument("--seconds", type=float, help="how long a load lasts")
    given = parser.parse_args(arguments)
    size = QUICK if given.quick else FULL
    settings = QuerySettings(
        commands=given.commands or size.commands,
        seconds=given.seconds or size.seconds,
        rates=size.rates,
        tasks=size.tasks,
        rounds=given.rounds or size.rounds,
        seed=given.seed,
        data=given.data,
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data)
    asked = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    goals = reached(asked)
    print(report(settings, before, asked, goals))
    write_records(given.json, settings, before, DURABILITY, [recorded("queries", each) for each in asked], goals)
    return 0


def measure(settings: QuerySettings, tell: Callable[[str], None]) -> list[Asked]:
    """Fill a folder, then let the parties take turns on it, load by load."""
    asked = []
    tell(f"filling a folder with {settings.commands:,} commands")
    with filled(None, settings.data, settings.commands, settings.seed) as folder, ExitStack() as stack:
        parties = {way: stack.enter_context(party()) for way in WAYS}
        held = settings.commands
        for number in range(1, settings.rounds + 1):
            for rate, kind, tasks in settings.cells():
                tell(f"round {number}: {kind}, {tasks} tasks, {rate} commands a second come in")
                load, runs = os.getloadavg()[0], {}
                for way in WAYS:
                    runs[way] = parties[way].run(
                        run_queries, folder.data, way, kind, tasks, settings.seconds, settings.seed, rate, held
                    )
                    held += runs[way].commands
                asked.append(Asked(number, rate, kind, tasks, load, runs))
        in_own_process(require_filled, folder.data, held)
    return asked


def reached(asked: Sequence[Asked]) -> list[Goal]:
    """Return the goal, a point query with nothing else to do, held against each of the two ways of bare aiosqlite."""
    some = [each for each in asked if (each.rate, each.kind, each.tasks) == (0, "point", GOAL_TASKS)]
    ways: dict[Way, str] = {"cursor": "by a cursor", "one hop": "by its shortest call"}
    return [
        Goal(
            f"point query, {GOAL_TASKS} tasks, over bare aiosqlite {how}",
            median(each.ratio(way) for each in some),
            0.8,
            0.8,
            at_least=True,
        )
        for way, how in ways.items()
        if some
    ]


def report(settings: QuerySettings, measured_on: Machine, asked: Sequence[Asked], goals: Sequence[Goal]) -> str:
    """Return what was measured, as tables."""
    loads = [each.load_average for each in asked]
    head = [
        f"Queries of the read database of {settings.commands:,} commands, {CONNECTIONS} connections",
        f"{settings.rounds} rounds of {settings.seconds:g} s a load",
        measured_on.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the loads.",
        "Figures are medians over the rounds. `one hop` and `cursor` are the two ways of bare aiosqlite.",
    ]
    rows = [("query", "tasks", "commands/s", "queries/s", "one hop", "ratio", "cursor", "ratio", "p50 us", "p99 us")]
    cells: dict[tuple[str, str, str], list[Asked]] = {}
    for each in asked:
        cells.setdefault((each.kind, f"{each.tasks}", f"{each.rate}"), []).append(each)
    for cell, some in cells.items():
        rates = {way: f"{median(each.rate_of(way) for each in some):,.0f}" for way in WAYS}
        ratios = {way: with_spread([each.ratio(way) for each in some]) for way in WAYS}
        p50, p99 = (
            f"{median(getattr(each.runs['Twofold'].latencies, part) for each in some):,.0f}" for part in ("p50", "p99")
        )
        bare = rates["one hop"], ratios["one hop"], rates["cursor"], ratios["cursor"]
        rows.append((*cell, rates["Twofold"], *bare, p50, p99))
    return "\n\n".join(part for part in ("\n".join(head), aligned(rows), goal_table(goals)) if part)


if __name__ == "__main__":
    sys.exit(main())
