"""Queries over HTTP, beside a bare endpoint: `python -m benchmarks.http_queries [--quick]`.

The point and the range query of `benchmarks.queries`, one a request, on 1 to 256 connections, while nothing else is
done and while commands come in. The bare endpoint (see `benchmarks.http_query_server`) asks bare aiosqlite the same, by
its shortest call, under the same server's settings. The load comes from the benchmark's own client, in a process of its
own on the same processors, which looks at each answer.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import get_args

import anyio
from msgspec import Struct

from .columns import aligned, with_spread
from .filled import filled, require_filled
from .http_client import ClientRun, drive
from .http_query_server import QueryParty, check_answer, query_server, write_queries
from .http_server import ServerRun, served
from .measuring import Machine, in_own_process, machine
from .query_parties import CONNECTIONS, Kind
from .scenario import Durability, parser_for, recorded, write_records

__all__ = ["main"]

PERCENTILES = "p50", "p99"
PARTIES: tuple[QueryParty, ...] = "bare aiosqlite", "Twofold"
DURABILITY: Durability = {
    "Twofold": "reads; the commands that come in are synced before they are accepted, and committed with FULL",
    "bare aiosqlite": "reads; the same commands come in through Twofold",
}


class HttpQuerySettings(Struct, frozen=True):
    """What is measured."""

    commands: int
    """How many the read database was filled with."""
    seconds: float
    """How long each load lasts."""
    rates: tuple[int, ...]
    """How many commands come in a second."""
    connections: tuple[int, ...]
    kinds: tuple[Kind, ...]
    rounds: int
    seed: int
    data: Path

    def cells(self) -> Iterator[tuple[int, Kind, int]]:
        """Yield the loads, by the commands that come in, the kind of query and the connections."""
        for rate in self.rates:
            for kind in self.kinds:
                for connections in self.connections:
                    yield rate, kind, connections


class PartyRun(Struct, frozen=True):
    """What client and server saw of one load."""

    client: ClientRun
    server: ServerRun

    @property
    def rate(self) -> float:
        """Queries a second."""
        return self.client.requests / self.client.seconds


class AskedOverHttp(Struct, frozen=True):
    """One load, of each party in turn."""

    round: int
    rate: int
    kind: Kind
    connections: int
    load_average: float
    runs: dict[QueryParty, PartyRun]

    @property
    def ratio(self) -> float:
        """Twofold's rate over that of the bare endpoint."""
        return self.runs["Twofold"].rate / self.runs["bare aiosqlite"].rate


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = parser_for("http_queries", "Measure queries over HTTP.")
    parser.add_argument("--commands", type=int, help="how many commands the read database is filled with")
    parser.add_argument("--seconds", type=float, help="how long a load lasts")
    parser.add_argument("--connections", type=int, nargs="+", help="each with one request at a time")
    given = parser.parse_args(arguments)
    quick, full = (5_000, 0.5, [64], 1), (100_000, 4.0, [1, 16, 64, 256], 3)
    commands, seconds, connections, rounds = quick if given.quick else full
    settings = HttpQuerySettings(
        commands=given.commands or commands,
        seconds=given.seconds or seconds,
        rates=(0, 500),
        connections=tuple(given.connections or connections),
        kinds=("point",) if given.quick else get_args(Kind),
        rounds=given.rounds or rounds,
        seed=given.seed,
        data=given.data,
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data, "starlette", "uvicorn", "httptools")
    asked = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    print(report(settings, before, asked))
    write_records(given.json, settings, before, DURABILITY, [recorded("queries", each) for each in asked], [])
    return 0


def measure(settings: HttpQuerySettings, tell: Callable[[str], None]) -> list[AskedOverHttp]:
    """Fill a folder, then let the parties take turns on it, load by load, and verify it."""
    asked = []
    tell(f"filling a folder with {settings.commands:,} commands")
    with filled(None, settings.data, settings.commands, settings.seed) as folder:
        held = settings.commands
        for number in range(1, settings.rounds + 1):
            for rate, kind, connections in settings.cells():
                tell(f"round {number}: {kind}, {connections} connections, {rate} commands a second come in")
                load, runs = os.getloadavg()[0], {}
                for party in PARTIES:
                    runs[party] = one_load(settings, party, folder.data, rate, kind, connections, held)
                    held += runs[party].server.orders
                asked.append(AskedOverHttp(number, rate, kind, connections, load, runs))
        in_own_process(require_filled, folder.data, held)
    return asked


def one_load(
    settings: HttpQuerySettings, party: QueryParty, data: Path, rate: int, kind: Kind, connections: int, held: int
) -> PartyRun:
    """Ask one party, whose server is started for it, on a folder that holds so many commands."""
    requests = data.parent / "requests"
    with (
        served(query_server, party, data, settings.seed, rate, held) as server,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process,
    ):
        anyio.run(write_queries, requests, data, kind, server.port)
        process.submit(os.getpid).result()  # so that it has started, and imported nothing while the clock runs
        server.begin()
        client = process.submit(drive, requests, server.port, connections, settings.seconds, check_answer).result()
        return PartyRun(client, server.settle())


def report(settings: HttpQuerySettings, measured_on: Machine, asked: Sequence[AskedOverHttp]) -> str:
    """Return what was measured, as a table."""
    loads = [each.load_average for each in asked]
    head = [
        f"Queries over HTTP of the read database of {settings.commands:,} commands, {CONNECTIONS} connections to it",
        f"{settings.rounds} rounds of {settings.seconds:g} s a load, from the benchmark's own client",
        measured_on.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the loads.",
        "Figures are medians over the rounds; CPU is the server's for a query, with the commands that come in.",
    ]
    columns = "query", "connections", "commands/s", "queries/s", "bare", "ratio", "p50 ms", "p99 ms", "CPU us", "bare"
    rows: list[tuple[str, ...]] = [columns]
    cells: dict[tuple[str, str, str], list[AskedOverHttp]] = {}
    for each in asked:
        cells.setdefault((each.kind, f"{each.connections}", f"{each.rate}"), []).append(each)
    for cell, some in cells.items():
        ours, bare = ([each.runs[party] for each in some] for party in ("Twofold", "bare aiosqlite"))
        rates = [f"{median(run.rate for run in runs):,.0f}" for runs in (ours, bare)]
        p50, p99 = (f"{median(getattr(run.client.latencies, part) for run in ours) / 1e3:.2f}" for part in PERCENTILES)
        cpu = [f"{median(map(cpu_of_a_query, runs)):.1f}" for runs in (ours, bare)]
        rows.append((*cell, *rates, with_spread([each.ratio for each in some]), p50, p99, *cpu))
    return "\n\n".join(("\n".join(head), aligned(rows)))


def cpu_of_a_query(run: PartyRun) -> float:
    """Return the server's microseconds of the processor, of all threads, for a query."""
    return run.server.cpu_seconds / run.client.requests * 1e6


if __name__ == "__main__":
    sys.exit(main())
