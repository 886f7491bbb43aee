"""The order of measurement, and what comes of it.

In each round the parties take turns: the floor, then Twofold at its fullest; the bare hops, then Twofold with one task;
then the other loads; the floor with effects, then Twofold with its effects on. Behind Twofold at its fullest comes the
same once more on uvloop, where that is installed. So what the machine does meanwhile falls on both of a pair, and
ratios are formed within a round. Each folder that Twofold left is verified, as `twofold verify` does.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Literal, TypeAlias

from msgspec import Struct
from twofold.actors.submission import Stage
from twofold.runtime.stores import DataFolder

from .bare_hop import BareHops, run_bare_hops
from .effect_pair import EffectPair, run_effect_pair
from .filled import require_filled
from .floor import FloorFiles, FloorRun, run_floor
from .goals import Goal
from .load import LoadRun, run_load
from .measuring import Machine, in_own_process, machine
from .run_folder import run_folder
from .same_rows import require_same_folders

__all__ = ["MEGABYTE", "Effects", "Results", "Settings", "measure", "reached"]

STAGES: tuple[Stage, ...] = ("accepted", "handled", "projected")
MANY = 1_024
MEGABYTE = 1e6

Effects: TypeAlias = Literal["off", "on", "both"]
"""Whether is measured with effects left out, with effects on, or the one and then the other."""


class Settings(Struct, frozen=True):
    """What is measured."""

    commands: int
    effect_commands: int
    """How many of them with effects on, where each e-mail is a file that is synced."""
    commands_per_task: int
    """A load of few tasks gets at most so many commands a task, for each of them waits for the disk."""
    tasks: tuple[int, ...]
    waits: tuple[Stage, ...]
    rounds: int
    whole_rounds: int
    """So many of them measure everything; the others only the floor, and the load that it is compared with."""
    seed: int
    sender_ids: bool
    floor: bool
    effects: Effects
    uvloop: bool
    """Whether the fullest load is measured on uvloop as well."""
    data: Path

    def count(self, tasks: int) -> int:
        """Return how many commands a load of so many tasks gets."""
        return min(self.commands, self.commands_per_task * tasks)

    def cells(self) -> list[tuple[int, Stage]]:
        """Return the loads: first the one that the floor is compared with, then those of one task."""
        cells = [(tasks, wait) for tasks in self.tasks for wait in self.waits]
        return sorted(cells, key=lambda cell: (cell != (max(self.tasks), "projected"), cell[0], STAGES.index(cell[1])))


class Results(Struct):
    """All runs, each with the number of its round."""

    machine: Machine
    paired: tuple[int, Stage]
    """The load that the floor is compared with, because it runs right behind it."""
    floors: list[tuple[int, FloorRun]] = []
    hops: list[tuple[int, BareHops]] = []
    loads: list[tuple[int, LoadRun]] = []
    uvloops: list[tuple[int, LoadRun]] = []
    """The paired load once more, on uvloop."""
    pairs: list[tuple[int, EffectPair]] = []
    """The runs with effects on."""
    same_rows: int = 0
    """How many rows the floor and Twofold left alike, in each round."""

    def by_cell(self) -> dict[tuple[int, Stage], list[LoadRun]]:
        """Return the runs of each load, by tasks and stage."""
        cells: dict[tuple[int, Stage], list[LoadRun]] = {}
        for _, run in sorted(self.loads, key=lambda each: (each[1].tasks, STAGES.index(each[1].wait), each[0])):
            cells.setdefault((run.tasks, run.wait), []).append(run)
        return cells

    def ratios(self) -> list[float]:
        """Return, of each round, the floor's time over Twofold's until all were projected, of the pair run in turn."""
        floors = dict(self.floors)
        return [
            floors[number].seconds / run.settled_seconds
            for number, run in self.loads
            if (run.tasks, run.wait) == self.paired and number in floors and floors[number].commands == run.commands
        ]

    def uvloop_ratios(self) -> list[float]:
        """Return, of each round, asyncio's time over uvloop's until all were projected, of runs one after the other."""
        others = dict(self.uvloops)
        return [
            run.settled_seconds / others[number].settled_seconds
            for number, run in self.loads
            if (run.tasks, run.wait) == self.paired and number in others
        ]

    def latency_ratios(self, wait: Stage, bare: Callable[[BareHops], float]) -> list[float]:
        """Return, of each round, the median latency of one task's commands over that of the bare hops."""
        hops = dict(self.hops)
        return [
            run.latencies.p50 / bare(hops[number])
            for number, run in self.loads
            if (run.tasks, run.wait) == (1, wait) and number in hops
        ]


def measure(settings: Settings, tell: Callable[[str], None]) -> Results:
    """Measure all of `settings`, round by round, and `tell` what is under way."""
    settings.data.mkdir(parents=True, exist_ok=True)
    results = Results(machine(settings.data), settings.cells()[0])
    for number in range(1, settings.rounds + 1):
        if settings.effects != "on":
            _round(settings, number, results, tell)
        if settings.effects != "off" and number <= settings.whole_rounds:
            results.pairs.append((number, _effect_pair(settings, number, tell)))
    return results


def reached(results: Results) -> list[Goal]:
    """Return the goals that this run says something about."""
    goals = []
    if results.paired == (MANY, "projected") and (ratios := results.ratios()):
        goals.append(Goal(f"{MANY:,} tasks, projected, over the floor", median(ratios), 0.25, 0.5, at_least=True))
    if ratios := results.latency_ratios("accepted", lambda hops: hops.append.p50):
        goals.append(Goal("1 task, accepted, over a bare append", median(ratios), 2.0, 2.0, at_least=False))
    if ratios := results.latency_ratios("handled", lambda hops: hops.append_and_commit.p50):
        goals.append(Goal("1 task, handled, over bare append and commit", median(ratios), 2.0, 2.0, at_least=False))
    if runs := results.by_cell().get((MANY, "handled")):
        flatness = median(run.latencies.p99 / run.latencies.p50 for run in runs)
        goals.append(Goal(f"{MANY:,} tasks, handled, p99 over p50", flatness, 5, 5, at_least=False))
    goals += _effect_goals([pair for _, pair in results.pairs if pair.load.tasks == MANY])
    if runs := [run for _, run in results.loads] + [pair.load for _, pair in results.pairs]:
        peak = max(run.peak_bytes for run in runs) / MEGABYTE
        goals.append(Goal("peak resident memory, MB", peak, 150, 150, at_least=False))
    return goals


def _round(settings: Settings, number: int, results: Results, tell: Callable[[str], None]) -> None:
    is_whole = number <= settings.whole_rounds
    cells = settings.cells() if is_whole else settings.cells()[:1]
    with run_folder(settings.data) as floor_folder:
        if settings.floor:
            tell(f"round {number}: the floor")
            run = in_own_process(run_floor, settings.commands, settings.seed, floor_folder, settings.sender_ids)
            results.floors.append((number, run))
        for index, (tasks, wait) in enumerate(cells):
            if settings.floor and tasks == 1 and not any(done == number for done, _ in results.hops):
                tell(f"round {number}: bare hops")
                count = settings.count(1)
                with run_folder(settings.data) as folder:
                    results.hops.append((number, in_own_process(run_bare_hops, count, settings.seed, folder)))
            tell(f"round {number}: {tasks} tasks, {wait}")
            with run_folder(settings.data) as folder:
                count = settings.count(tasks)
                load = _load(settings, count, folder, tasks, wait)
                results.loads.append((number, load))
                if settings.floor and index == 0 and count == settings.commands:
                    results.same_rows = require_same_folders(FloorFiles(floor_folder), DataFolder(folder))
            if settings.uvloop and is_whole and index == 0:
                tell(f"round {number}: {tasks} tasks, {wait}, on uvloop")
                with run_folder(settings.data) as folder:
                    results.uvloops.append((number, _load(settings, count, folder, tasks, wait, uvloop=True)))


def _load(settings: Settings, count: int, folder: Path, tasks: int, wait: Stage, *, uvloop: bool = False) -> LoadRun:
    run = in_own_process(
        run_load, count, settings.seed, folder, tasks, wait, settings.sender_ids, effects=False, uvloop=uvloop
    )
    in_own_process(require_filled, folder, count)
    return run


def _effect_goals(pairs: Sequence[EffectPair]) -> Iterator[Goal]:
    what = f"{MANY:,} tasks with effects"
    if ratios := [pair.projected_ratio for pair in pairs if pair.projected_ratio is not None]:
        yield Goal(f"{what}, projected, over that floor", median(ratios), 0.5, 0.5, at_least=True)
    if ratios := [pair.settled_ratio for pair in pairs if pair.settled_ratio is not None]:
        yield Goal(f"{what}, effects done, over that floor", median(ratios), 0.25, 0.5, at_least=True)


def _effect_pair(settings: Settings, number: int, tell: Callable[[str], None]) -> EffectPair:
    return run_effect_pair(
        settings.data,
        settings.effect_commands,
        settings.seed,
        max(settings.tasks),
        sender_ids=settings.sender_ids,
        floor=settings.floor,
        tell=lambda what: tell(f"round {number}: {what}"),
    )
