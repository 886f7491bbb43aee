r"""Commands over HTTP, beside a bare endpoint: `python -m benchmarks.http [--quick]`.

One order of ten lines a request, `wait=accepted` and `wait=handled`, on 1 to 256 connections, and streams of 500 orders
a request. The bare endpoint (see `benchmarks.http_server`) decodes the same body under the same server's settings; with
the floor behind it (see `benchmarks.http_floor`) it does the same durable work too.
Twofold's clock is read when all is answered, when all is handled, and when all is projected. The load comes from wrk
where it is installed, else from a client of the benchmark's own; what it takes of the processors is told, too.

To see where the time goes:

    py-spy record --subprocesses -o profile.svg -- \
        python -m benchmarks.http --ways accepted --connections 64 --rounds 1 --no-bare
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from .http_orders import Way
from .http_rounds import Client, HttpResults, HttpSettings, measure, reached
from .http_table import report
from .http_wrk import has_wrk

__all__ = ["main"]

WAYS: tuple[Way, ...] = get_args(Way)
FULL, QUICK = (4, 3, WAYS, [1, 16, 64, 256], [1, 16]), (1, 1, WAYS[:1], [64], [1])
"""Seconds a load, rounds, ways, connections, connections of streams."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    settings, json_file = read_arguments(arguments)
    results = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    print(report(settings, results))
    print(f"\nAll {len(results.pairs)} data folders of Twofold were verified: each order answered is handled, once.")
    if json_file is not None:
        json_file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in records(settings, results)))
    return 0


def read_arguments(arguments: Sequence[str] | None) -> tuple[HttpSettings, Path | None]:
    """Return what to measure, and the file for JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description="Measure commands over HTTP.")
    parser.add_argument("--quick", action="store_true", help="one load, of a second, and one round: ten seconds")
    parser.add_argument("--seconds", type=int, help="how long a load lasts")
    parser.add_argument("--rounds", type=int, help="how many times all is measured")
    parser.add_argument("--connections", type=int, nargs="+", help="each with one request at a time")
    parser.add_argument("--stream-connections", type=int, nargs="+", help="the same, for streams of orders")
    parser.add_argument("--ways", nargs="+", choices=WAYS)
    parser.add_argument("--seed", type=int, default=1, help="of the orders")
    parser.add_argument(
        "--client", choices=get_args(Client), default="wrk" if has_wrk() else "own", help="wrk, if it is installed"
    )
    parser.add_argument("--no-bare", action="store_true", help="measure Twofold alone")
    parser.add_argument("--data", type=Path, default=Path("build/benchmarks"), help="where the data folders go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, as JSON lines")
    given = parser.parse_args(arguments)
    seconds, rounds, ways, connections, stream_connections = QUICK if given.quick else FULL
    settings = HttpSettings(
        connections=tuple(given.connections or connections),
        stream_connections=tuple(given.stream_connections or stream_connections),
        ways=tuple(given.ways or ways),
        seconds=given.seconds or seconds,
        rounds=given.rounds or rounds,
        seed=given.seed,
        client=given.client,
        bare=not given.no_bare,
        data=given.data,
    )
    return settings, given.json


def records(settings: HttpSettings, results: HttpResults) -> list[dict[str, Any]]:
    """Return all that was measured, one record a pair, what it was measured on first."""
    plain = msgspec.to_builtins
    lines = [{"record": "run", "settings": plain(settings, enc_hook=str), "machine": plain(results.machine)}]
    lines += [{"record": "pair", "round": number, **plain(pair)} for number, pair in results.pairs]
    lines += [{"record": "goal", **plain(goal)} for goal in reached(results)]
    return lines


if __name__ == "__main__":
    sys.exit(main())
