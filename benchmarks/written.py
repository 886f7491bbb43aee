"""Bytes written to the disk: `python -m benchmarks.written [--quick]`.

A card or a cheap SSD wears out by what is written to it. So for loads of many tasks and of few, for each stage that
they wait for, and with the shop's effects off and on, this counts the bytes that the kernel has written for the process
(`write_bytes` in /proc/self/io, whole pages) from the opening of the folder until it is closed, and divides them by the
commands. Beside them stand the floor, which does the same in batches of 1,000, and bare hops, one command at a time
into log and write database only. What one of many tasks costs depends on how many commands share a sync: the fewer, the
more often the same page is written.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

from msgspec import Struct
from twofold.actors.submission import Stage

from .bare_hop import run_bare_hops
from .columns import aligned, with_spread
from .filled import require_filled
from .floor import run_floor
from .floor_effects import run_floor_with_effects
from .load import run_load
from .measuring import Machine, in_own_process, machine, written_bytes
from .rounds import STAGES
from .run_folder import run_folder
from .scenario import Durability, parser_for, recorded, write_records

__all__ = ["main"]

DURABILITY: Durability = {
    "Twofold": "each command is synced before it is accepted, and committed with FULL; effects are synced one by one",
    "floor": "the same, in batches of 1,000",
    "bare hops": "a sync and a commit with FULL for each command; no read database",
}


class WrittenSettings(Struct, frozen=True):
    """What is measured."""

    commands: int
    """Of loads of many tasks; with effects a third of them."""
    commands_per_task: int
    """A load of few tasks gets at most so many a task."""
    tasks: tuple[int, ...]
    rounds: int
    seed: int
    data: Path


class Written(Struct, frozen=True):
    """What one load has written."""

    party: str
    wait: Stage | None
    tasks: int
    effects: bool
    round: int
    commands: int
    bytes: int
    load_average: float

    @property
    def per_command(self) -> float:
        """Bytes a command."""
        return self.bytes / self.commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = parser_for("written", "Count the bytes that are written to the disk.")
    parser.add_argument("--commands", type=int, help="how many a load of many tasks has")
    parser.add_argument("--tasks", type=int, nargs="+", help="how many tasks submit")
    given = parser.parse_args(arguments)
    commands, per_task, tasks, rounds = (3_000, 100, (1, 1024), 1) if given.quick else (54_000, 1_000, (1, 16, 1024), 3)
    settings = WrittenSettings(
        given.commands or commands,
        per_task,
        tuple(given.tasks or tasks),
        given.rounds or rounds,
        given.seed,
        given.data,
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data)
    written = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    print(report(settings, before, written))
    write_records(given.json, settings, before, DURABILITY, [recorded("written", each) for each in written], [])
    return 0


def measure(settings: WrittenSettings, tell: Callable[[str], None]) -> list[Written]:
    """Let each load write into a folder of its own, and verify those of Twofold."""
    return [
        load.written(settings, number, tell) for number in range(1, settings.rounds + 1) for load in loads(settings)
    ]


class Load(Struct, frozen=True):
    """A party and what it is to do."""

    party: Literal["floor", "bare hops", "Twofold"]
    tasks: int
    wait: Stage | None
    effects: bool = False

    def written(self, settings: WrittenSettings, number: int, tell: Callable[[str], None]) -> Written:
        """Do it in a process and a folder of its own, and return what that has written."""
        tell(f"round {number}: {self.party}, {self.tasks} tasks, {self.wait or 'straight'}, effects {self.effects}")
        most = settings.commands // 3 if self.effects else settings.commands
        commands = min(most, settings.commands_per_task * self.tasks)
        before = os.getloadavg()[0]
        with run_folder(settings.data) as folder:
            count = in_own_process(write, self, commands, settings.seed, folder)
            if self.party == "Twofold":
                in_own_process(require_filled, folder, commands, effects=self.effects)
        return Written(self.party, self.wait, self.tasks, self.effects, number, commands, count, before)


def loads(settings: WrittenSettings) -> Iterator[Load]:
    """Yield all loads, each party of a pair after the other."""
    fewest, most = min(settings.tasks), max(settings.tasks)
    yield Load("floor", most, None)
    for tasks in sorted(settings.tasks, reverse=True):
        if tasks == 1:
            yield Load("bare hops", 1, None)
        for wait in STAGES if tasks in {fewest, most} else STAGES[-1:]:
            yield Load("Twofold", tasks, wait)
    yield Load("floor", most, None, effects=True)
    yield Load("Twofold", most, "projected", effects=True)


def write(load: Load, commands: int, seed: int, folder: Path) -> int:
    """Do the work of `load` and return how many bytes that has written."""
    before = written_bytes()
    if load.party == "bare hops":
        run_bare_hops(commands, seed, folder)
    elif load.wait is not None:
        run_load(commands, seed, folder, load.tasks, load.wait, sender_ids=False, effects=load.effects)
    else:
        (run_floor_with_effects if load.effects else run_floor)(commands, seed, folder, sender_ids=False)
    return written_bytes() - before


def report(settings: WrittenSettings, measured_on: Machine, written: Sequence[Written]) -> str:
    """Return what was counted, as a table."""
    before = [each.load_average for each in written]
    head = [
        f"Bytes written to the disk for shop commands, seed {settings.seed}; {settings.rounds} rounds",
        measured_on.described(),
        f"The load average was {min(before):.1f} to {max(before):.1f} before the loads.",
        "Figures are medians over the rounds. Ratios are over the floor, or over bare hops where one task submits.",
    ]
    rows = [("party", "effects", "wait", "tasks", "commands", "KB a command", "ratio")]
    groups: dict[tuple[str, bool, str, int], list[Written]] = {}
    for each in written:
        groups.setdefault((each.party, each.effects, each.wait or "", each.tasks), []).append(each)
    for (party, effects, wait, tasks), some in groups.items():
        beside = "bare hops" if tasks == 1 else "floor"
        ratio = ""
        if party == "Twofold":
            ratios = [own.per_command / its.per_command for own, its in pairs(some, written, beside)]
            ratio = with_spread(ratios)
        kilobytes = f"{median(each.per_command for each in some) / 1e3:.2f}"
        submitting = f"{tasks:,}" if party == "Twofold" else ""
        rows.append((party, "on" if effects else "off", wait, submitting, f"{some[0].commands:,}", kilobytes, ratio))
    return "\n\n".join(("\n".join(head), aligned(rows, numbers_from=3)))


def pairs(some: Sequence[Written], written: Sequence[Written], beside: str) -> Iterator[tuple[Written, Written]]:
    """Yield each of `some` with what the party `beside` wrote in the same round."""
    others = {(each.round, each.effects): each for each in written if each.party == beside}
    for each in some:
        yield each, others[each.round, each.effects]


if __name__ == "__main__":
    sys.exit(main())
