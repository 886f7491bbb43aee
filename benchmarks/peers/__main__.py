"""Twofold beside what a user would pick instead: `python -m benchmarks.peers [--quick]`.

The same commands of the example shop go to each party, each in a process of its own, in turn. Peers that are not
installed are skipped by name; `benchmarks/peers/README.md` says what to install and how to read the table.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from .catalogue import PEERS
from .peer import Peer
from .rounds import PeerSettings, Results, measure, reached
from .table import report

__all__ = ["main"]

FULL, QUICK = (54_000, 2_000, 4.0, 3), (6_000, 200, 1.5, 1)
"""Commands, of these for a single client, seconds of a peer's run, rounds."""


def main(arguments: Sequence[str] | None = None, peers: Sequence[Peer] = PEERS) -> int:
    """Measure, print the tables, and return the exit code."""
    settings, only, json_file = read_arguments(arguments)
    chosen = [peer for peer in peers if not only or any(word.lower() in peer.name.lower() for word in only)]
    results = measure(settings, chosen, lambda line: print(line, file=sys.stderr, flush=True))
    print(report(settings, results))
    if json_file is not None:
        json_file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in records(settings, results)))
    return 0


def read_arguments(arguments: Sequence[str] | None) -> tuple[PeerSettings, list[str], Path | None]:
    """Return what to measure, which peers alone, and the file for JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="Measure Twofold beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer commands and one round: about two minutes")
    parser.add_argument("--commands", type=int, help="how many commands a run has")
    parser.add_argument("--seconds", type=float, help="how long a peer goes on at most")
    parser.add_argument("--rounds", type=int, help="how many times all is measured")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="only peers with such a word in their name"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the commands")
    parser.add_argument("--data", type=Path, default=Path("build/benchmarks"), help="where the folders go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, as JSON lines")
    given = parser.parse_args(arguments)
    commands, alone, seconds, rounds = QUICK if given.quick else FULL
    settings = PeerSettings(
        commands=given.commands or commands,
        commands_alone=min(alone, given.commands or commands),
        seconds=given.seconds or seconds,
        rounds=given.rounds or rounds,
        seed=given.seed,
        data=given.data,
    )
    return settings, given.only, given.json


def records(settings: PeerSettings, results: Results) -> list[dict[str, Any]]:
    """Return all that was measured, one record a run, what it was measured on first."""
    plain = msgspec.to_builtins
    machine = plain(results.machine)
    lines = [{"record": "run", "settings": plain(settings, enc_hook=str), "machine": machine}]
    lines += [{"record": "skipped", "peer": name, "get": why} for name, why in results.skipped]
    lines += [{"record": "failed", "round": number, "peer": who, "why": why} for number, who, why in results.failed]
    lines += [{"record": "peer", **plain(peer), "needs": [need.get for need in peer.needs]} for peer in results.peers]
    lines += [{"record": "Twofold", "round": number, **plain(run)} for number, run in results.twofold]
    lines += [{"record": "measured", "round": number, **plain(each)} for number, each in results.measured]
    lines += [{"record": "goal", **plain(goal)} for goal in reached(results)]
    return lines


if __name__ == "__main__":
    sys.exit(main())
