"""Ten times the load that is sustained: `python -m benchmarks.overload [--quick]`.

A server that lets no more than 128 commands wait for their handling gets orders over HTTP on 64 connections, which is
what it sustains; then on ten times as many, each of which sends its next order at once, however it was answered; then
on 64 again. Every answer must say that its order was handled, or be a 503 with a `Retry-After`; on 64 connections none
may be refused. What was answered as handled must be in the data folder in the end, and nothing else.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct
from twofold.runtime.config import ValidatorSettings

from .columns import aligned
from .filled import require_filled
from .goals import Goal, goal_table
from .http_client import AnswersDiffer, ClientRun, drive
from .http_orders import write_requests
from .http_server import served, twofold_server
from .measuring import Machine, in_own_process, machine
from .rounds import MEGABYTE
from .run_folder import run_folder
from .scenario import Durability, parser_for, recorded, write_records

__all__ = ["main"]

BOUND = ValidatorSettings(max_unhandled=128)
CALM, FLOOD = 64, 640
"""Connections: as many as are sustained, and ten times as many."""
ORDERS_A_SECOND = 100_000
"""More than come: so far apart are the ids of two loads."""
HANDLED = re.compile(rb"HTTP/1\.1 200 ")
REFUSED = re.compile(rb"HTTP/1\.1 503 .*\r\nretry-after: *\d+\r\n", re.IGNORECASE | re.DOTALL)
DURABILITY: Durability = {"Twofold": "each command is synced before it is accepted, and committed with FULL"}


class OverloadSettings(Struct, frozen=True):
    """What is measured."""

    seconds: float
    """How long each load lasts."""
    rounds: int
    seed: int
    data: Path


class Load(Struct, frozen=True):
    """What came of one load."""

    connections: int
    client: ClientRun
    peak_bytes: int
    """The most memory that the server had held by its end."""

    @property
    def rate(self) -> float:
        """Orders a second that were handled."""
        return self.client.orders / self.client.seconds

    @property
    def refused(self) -> int:
        """How many orders were answered 503, with a time to come back."""
        return self.client.requests - self.client.orders


class Overload(Struct, frozen=True):
    """The three loads, one after the other on one server."""

    round: int
    before: Load
    flood: Load
    after: Load


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = parser_for("overload", "Measure ten times the load that is sustained.")
    parser.add_argument("--seconds", type=float, help="how long a load lasts")
    given = parser.parse_args(arguments)
    seconds, rounds = (1.0, 1) if given.quick else (5.0, 3)
    settings = OverloadSettings(given.seconds or seconds, given.rounds or rounds, given.seed, given.data)
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data)
    found = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    goals = reached(found)
    print(report(settings, before, found, goals))
    write_records(given.json, settings, before, DURABILITY, [recorded("overload", each) for each in found], goals)
    return 0


def measure(settings: OverloadSettings, tell: Callable[[str], None]) -> list[Overload]:
    """Let the three loads come to a new server in each round, and verify what it leaves.

    Raises:
        AnswersDiffer: the folder holds another number of orders than were answered as handled.
    """
    found = []
    for number in range(1, settings.rounds + 1):
        with run_folder(settings.data) as folder:
            data, requests = folder / "data", folder / "requests"
            loads: list[Load] = []
            with served(twofold_server, data, BOUND) as server:
                write_requests(requests, "handled", server.port, settings.seed)
                for connections in (CALM, CALM, FLOOD, CALM):
                    tell(f"round {number}: {connections} connections")
                    first = 1 + len(loads) * int(settings.seconds * ORDERS_A_SECOND)
                    server.begin()
                    client = in_own_process(send, requests, server.port, connections, settings.seconds, first)
                    run = server.settle()
                    loads.append(Load(connections, client, run.peak_bytes))
            if run.orders != (answered := sum(load.client.orders for load in loads)):
                raise AnswersDiffer(f"{answered} orders were answered as handled, and the server has {run.orders}.")
            in_own_process(require_filled, data, run.orders)
            found.append(Overload(number, *loads[1:]))  # the first one has warmed it up
    return found


def send(file: Path, port: int, connections: int, seconds: float, first: int) -> ClientRun:
    """Send orders on so many connections; more than are sustained may be refused."""
    return drive(file, port, connections, seconds, all_handled if connections == CALM else handled_or_refused, first)


def all_handled(answer: bytes) -> int:
    """Return 1, if the order was handled."""
    if not HANDLED.match(answer):
        raise AnswersDiffer(f"Under a load that is sustained an order was answered {answer[:2000]!r}.")
    return 1


def handled_or_refused(answer: bytes) -> int:
    """Return 1 if the order was handled, and 0 if it was refused with a time to come back."""
    if HANDLED.match(answer):
        return 1
    if not REFUSED.match(answer):
        raise AnswersDiffer(f"Under ten times the load an order was answered {answer[:2000]!r}.")
    return 0


def reached(found: Sequence[Overload]) -> list[Goal]:
    """Return the goals."""
    after = median(each.after.rate / each.before.rate for each in found)
    memory = median(each.after.peak_bytes / each.before.peak_bytes for each in found)
    answered = min(float(each.flood.refused > 0) for each in found)  # each order, or the measurement has ended
    return [
        Goal("10 x the load, orders handled or told when to come back", answered, 1, 1, at_least=True),
        Goal("rate after 10 x the load, over that before", after, 0.9, 0.9, at_least=True),
        Goal("peak memory at 10 x the load, over that before", memory, 1.5, 1.5, at_least=False),
    ]


def report(settings: OverloadSettings, measured_on: Machine, found: Sequence[Overload], goals: Sequence[Goal]) -> str:
    """Return what was measured, as a table."""
    head = [
        f"Orders over HTTP, wait=handled, at most {BOUND.max_unhandled} of them unhandled; seed {settings.seed}",
        f"{settings.rounds} rounds of {settings.seconds:g} s a load, from the benchmark's own client",
        measured_on.described(),
        "Figures are medians over the rounds; memory is the most that was held until then, and the most of any.",
    ]
    rows = [("load", "connections", "handled/s", "refused/s", "p50 ms", "p99 ms", "peak MB")]
    for name in ("before", "flood", "after"):
        loads = [getattr(each, name) for each in found]
        rows.append(
            (
                name,
                f"{loads[0].connections}",
                f"{median(load.rate for load in loads):,.0f}",
                f"{median(load.refused / load.client.seconds for load in loads):,.0f}",
                f"{median(load.client.latencies.p50 for load in loads) / 1e3:.1f}",
                f"{median(load.client.latencies.p99 for load in loads) / 1e3:.1f}",
                f"{max(load.peak_bytes for load in loads) / MEGABYTE:.0f}",
            )
        )
    return "\n\n".join(("\n".join(head), aligned(rows), goal_table(goals)))


if __name__ == "__main__":
    sys.exit(main())
