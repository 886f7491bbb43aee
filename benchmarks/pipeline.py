r"""The whole pipeline under load, beside the floor: `python -m benchmarks.pipeline [--quick]`.

Measured are commands a second and latencies of 1, 16, 128 and 1,024 tasks that submit commands of the example shop and
wait until they are accepted, handled or projected; for the first two also the rate until all are projected. The floor
(see `benchmarks.floor`) does the same durable work in the same rounds, and what both leave is compared row by row.
Where uvloop is installed, the fullest load runs on it as well.
Then follow both with the shop's effects, e-mails and purges into a folder (see `benchmarks.floor_effects`): the rate
until all are projected, and until all effects are done. Each run has a process and a data folder of its own.

To see where the time goes:

    py-spy record --subprocesses -o profile.svg -- \
        python -m benchmarks.pipeline --tasks 1024 --rounds 1 --no-floor --no-uvloop

Add ``--gil`` to see who holds the interpreter, ``--native`` for SQLite, and at the end ``--effects on`` (or ``off``).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
from twofold.actors.submission import Stage

from .load import has_uvloop
from .rounds import Effects, Results, Settings, measure, reached
from .table import report

__all__ = ["main"]

FULL, QUICK = (54_000, 18_000, 1_000, 3, 3, [1, 16, 128, 1024]), (24_000, 3_000, 200, 3, 1, [1, 1024])
"""Commands, commands with effects, commands a task at most, rounds, of these whole ones, tasks."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    settings, json_file = read_arguments(arguments)
    results = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    print(report(settings, results))
    if results.same_rows:
        print(f"\nThe floor and Twofold left the same {results.same_rows:,} rows.")
    if results.pairs and (same := results.pairs[0][1].same_rows):
        print(f"\nWith effects, they left the same {same:,} rows and mails.")
    if json_file is not None:
        json_file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in records(settings, results)))
    return 0


def read_arguments(arguments: Sequence[str] | None) -> tuple[Settings, Path | None]:
    """Return what to measure, and the file for JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description="Measure the whole pipeline.")
    parser.add_argument("--quick", action="store_true", help="fewer commands, mostly one round: half a minute")
    parser.add_argument("--commands", type=int, help="how many commands a run has")
    parser.add_argument("--rounds", type=int, help="how many times all is measured")
    parser.add_argument("--tasks", type=int, nargs="+", help="how many tasks submit")
    parser.add_argument("--waits", nargs="+", choices=get_args(Stage), default=list(get_args(Stage)))
    parser.add_argument("--seed", type=int, default=1, help="of the commands")
    parser.add_argument("--sender-ids", action="store_true", help="the senders give ids, which are then looked up")
    parser.add_argument(
        "--effects", choices=get_args(Effects), default="both", help="e-mails and purges; both: in turn"
    )
    parser.add_argument("--no-floor", action="store_true", help="measure Twofold alone")
    parser.add_argument("--no-uvloop", action="store_true", help="leave uvloop out, as --quick does")
    parser.add_argument("--data", type=Path, default=Path("build/benchmarks"), help="where the data folders go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, as JSON lines")
    given = parser.parse_args(arguments)
    commands, effect_commands, per_task, rounds, whole_rounds, tasks = QUICK if given.quick else FULL
    settings = Settings(
        commands=given.commands or commands,
        effect_commands=given.commands or effect_commands,
        commands_per_task=per_task,
        tasks=tuple(given.tasks or tasks),
        waits=tuple(given.waits),
        rounds=given.rounds or (whole_rounds if given.no_floor else rounds),
        whole_rounds=given.rounds or whole_rounds,
        seed=given.seed,
        sender_ids=given.sender_ids,
        floor=not given.no_floor,
        effects=given.effects,
        uvloop=has_uvloop() and given.effects != "on" and not (given.no_uvloop or given.quick),
        data=given.data,
    )
    return settings, given.json


def records(settings: Settings, results: Results) -> list[dict[str, Any]]:
    """Return all that was measured, one record a run, what it was measured on first."""
    plain = msgspec.to_builtins
    lines = [{"record": "run", "settings": plain(settings, enc_hook=str), "machine": plain(results.machine)}]
    kinds = (
        ("floor", results.floors),
        ("bare hops", results.hops),
        ("load", results.loads),
        ("uvloop", results.uvloops),
        ("effects", results.pairs),
    )
    for name, runs in kinds:
        lines += [{"record": name, "round": number, **plain(run)} for number, run in runs]
    lines += [{"record": "goal", **plain(goal)} for goal in reached(results)]
    return lines


if __name__ == "__main__":
    sys.exit(main())
