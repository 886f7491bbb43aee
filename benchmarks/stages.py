"""Where the time of a command goes, stage by stage: `python -m benchmarks.stages [--quick]`.

One batch of the example shop's commands is taken through each stage of its way by itself, on one thread (see
`benchmarks.stage_walk`), a number of times; the least of each stage counts. A batch of orders of ten lines, as they
come over HTTP in `benchmarks.http`, goes the same way. Beside it the whole pipeline under 1,024 tasks: what it takes
more than all stages together is the event loop, the tasks that wait, and threads that wait for the interpreter. Who
holds the interpreter meanwhile is told where py-spy is installed (`benchmarks.interpreter`).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec

from .filled import require_filled
from .interpreter import Holders, py_spy, watch_pipeline
from .load import run_load
from .measuring import in_own_process, machine, quiet_collector
from .run_folder import run_folder
from .shop_mix import Sent, draw_commands, draw_orders
from .shop_without_effects import app
from .stage_table import StageResults, WholeTime, records, report
from .stage_walk import StageTime, Stopwatch, walk

__all__ = ["main"]

FULL, QUICK = (30, 3, 20_000), (5, 1, 5_000)
"""Walks, rounds of the whole pipeline, commands of each."""
LINES = 10
"""Of an order, where a batch has nothing but orders: those that the benchmark of HTTP sends."""
NO_PY_SPY = "py-spy is not installed: `pip install py-spy` shows who holds the interpreter"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description="Measure the stages of a command.")
    parser.add_argument("--quick", action="store_true", help="fewer walks, and one round: about ten seconds")
    parser.add_argument("--batch", type=int, default=1_000, help="how many commands are taken through the stages")
    parser.add_argument("--walks", type=int, help="how often")
    parser.add_argument("--commands", type=int, help="how many commands the whole pipeline gets")
    parser.add_argument("--tasks", type=int, default=1_024, help="how many tasks submit them")
    parser.add_argument("--seed", type=int, default=1, help="of the commands")
    parser.add_argument("--no-whole", action="store_true", help="measure the stages alone")
    parser.add_argument("--data", type=Path, default=Path("build/benchmarks"), help="where the data folders go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, as JSON lines")
    given = parser.parse_args(arguments)
    walks, rounds, commands = QUICK if given.quick else FULL
    commands = given.commands or commands
    given.data.mkdir(parents=True, exist_ok=True)
    walks = given.walks or walks
    stages = in_own_process(time_stages, draw_commands(given.batch, given.seed), walks, given.data)
    orders = [Sent(order, None) for order in draw_orders(given.batch, given.seed, LINES)]
    of_orders = in_own_process(time_stages, orders, walks, given.data)
    wholes: list[WholeTime] = []
    holders: Holders | str = "the whole pipeline was left out"
    if not given.no_whole:
        wholes = [time_whole(commands, given.seed, given.tasks, given.data) for _ in range(rounds)]
        program = py_spy()
        holders = watch_pipeline(program, commands, given.tasks, given.seed, given.data) if program else NO_PY_SPY
    results = StageResults(machine(given.data), given.batch, walks, given.tasks, stages, of_orders, wholes, holders)
    print(report(results))
    if given.json is not None:
        given.json.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in records(results)))
    return 0


def time_stages(sent: list[Sent], walks: int, data: Path) -> dict[str, StageTime]:
    """Take a batch through the stages so many times, each time in a folder of its own; return the least of each."""
    domain, watch = app.domain(), Stopwatch(len(sent))
    for _ in range(walks):
        with run_folder(data) as folder, quiet_collector():
            anyio.run(walk, domain, sent, folder, watch)
    return watch.best


def time_whole(commands: int, seed: int, tasks: int, data: Path) -> WholeTime:
    """Run the whole pipeline under so many tasks, until all is projected, in a process of its own."""
    with run_folder(data) as folder:
        run = in_own_process(run_load, commands, seed, folder, tasks, "projected", sender_ids=False, effects=False)
        in_own_process(require_filled, folder, commands)
    return WholeTime(run.settled_seconds / commands * 1e6, run.cpu_seconds / commands * 1e6)


if __name__ == "__main__":
    sys.exit(main())
