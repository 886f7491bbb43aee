"""The order of measurement among peers: in each round, each load of Twofold's, and behind it who it compares with.

So what the machine does meanwhile falls on both, and ratios are formed within a round. Each run has a process and a
folder of its own; a peer's server is started for it and stopped after it.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import cast

from msgspec import Struct
from twofold.actors.submission import Stage

from benchmarks.filled import require_filled
from benchmarks.goals import Goal
from benchmarks.load import LoadRun, run_load
from benchmarks.measuring import Machine, in_own_process, machine
from benchmarks.run_folder import run_folder
from benchmarks.shop_mix import draw_commands

from .peer import Peer, PeerRun, Runs

__all__ = ["Compared", "LostCommands", "Measured", "PeerSettings", "Results", "measure", "reached"]

MANY = 1_024
STAGES: tuple[Stage, ...] = ("accepted", "handled", "projected")


class LostCommands(Exception):
    """A peer's store does not hold what it acknowledged: its figure would mean nothing."""


class PeerSettings(Struct, frozen=True):
    """What is measured."""

    commands: int
    commands_alone: int
    """How many at most from a single client, who waits for each of them."""
    seconds: float
    """How long a peer goes on at most; it is measured by how far it came through the same commands."""
    rounds: int
    seed: int
    data: Path

    def count(self, tasks: int) -> int:
        """Return how many commands are there for so many clients."""
        return self.commands if tasks > 1 else self.commands_alone


class Measured(Struct, frozen=True):
    """A run of a peer."""

    peer: str
    tasks: int
    run: PeerRun

    @property
    def rate(self) -> float:
        """Commands a second."""
        return self.run.commands / self.run.seconds


class Compared(Struct, frozen=True):
    """A peer under one load, in all rounds."""

    peer: Peer
    tasks: int
    runs: list[PeerRun]
    ratios: list[float]
    """Of each round, Twofold's rate over the peer's."""


class Results(Struct):
    """All runs, each with the number of its round."""

    machine: Machine
    peers: tuple[Peer, ...]
    """Those that are installed."""
    skipped: list[tuple[str, str]]
    """Those that are not, and how to get them."""
    twofold: list[tuple[int, LoadRun]] = []
    measured: list[tuple[int, Measured]] = []
    failed: list[tuple[int, str, str]] = []
    """Runs of peers that failed, and how."""
    load_averages: list[float] = []

    def loads(self) -> dict[tuple[int, Stage], list[LoadRun]]:
        """Return Twofold's runs, by tasks and stage."""
        loads: dict[tuple[int, Stage], list[LoadRun]] = {}
        for _, run in sorted(self.twofold, key=lambda each: (STAGES.index(each[1].wait), each[1].tasks, each[0])):
            loads.setdefault((run.tasks, run.wait), []).append(run)
        return loads

    def compared(self, peer: Peer, tasks: int, twofold_tasks: int | None = None) -> Compared:
        """Return a peer's runs beside Twofold's of the same stage, from one task or from many, as the peer's."""
        own = twofold_tasks or _tasks_beside(tasks)
        rates = {
            number: run.commands / run.seconds
            for number, run in self.twofold
            if (run.tasks, run.wait) == (own, peer.stage)
        }
        mine = [(number, each) for number, each in self.measured if (each.peer, each.tasks) == (peer.name, tasks)]
        ratios = [rates[number] / each.rate for number, each in mine if number in rates]
        return Compared(peer, tasks, [each.run for _, each in mine], ratios)


def measure(settings: PeerSettings, peers: Sequence[Peer], tell: Callable[[str], None]) -> Results:
    """Measure Twofold and those `peers` that are installed, and `tell` what is under way."""
    settings.data.mkdir(parents=True, exist_ok=True)
    missing = [(peer.name, why) for peer in peers if (why := peer.missing())]
    for name, why in missing:
        tell(f"skipped: {name}; {why}")
    absent = {name for name, _ in missing}
    present = tuple(peer for peer in peers if peer.name not in absent)
    results = Results(machine(settings.data), present, missing)
    for number in range(1, settings.rounds + 1):
        for stage in STAGES:
            for tasks in (1, MANY):
                results.load_averages.append(os.getloadavg()[0])
                tell(f"round {number}: Twofold, {_so_many(tasks, 'task')}, {stage}")
                results.twofold.append((number, _twofold(settings, tasks, stage)))
                for peer, clients in _beside(present, stage, tasks):
                    tell(f"round {number}: {peer.name}, {_so_many(clients, 'client')}")
                    if isinstance(run := _peer(settings, peer, clients), PeerRun):
                        results.measured.append((number, Measured(peer.name, clients, run)))
                    else:
                        tell(f"failed: {run}")
                        results.failed.append((number, f"{peer.name}, {_so_many(clients, 'client')}", run))
    return results


def reached(results: Results) -> Iterator[Goal]:
    """Yield what is aimed for, the most that Twofold does over the most that each of these peers does."""
    for peer in results.peers:
        wanted = {"library": 20, "PostgreSQL by hand": 5}.get(peer.family)
        if peer.name == "Redis streams":
            wanted = 1
        best = [
            median(found.ratios)
            for tasks in peer.tasks
            if (found := results.compared(peer, tasks, twofold_tasks=MANY)).ratios
        ]
        if wanted is not None and best:
            yield Goal(f"{peer.stage}, over {peer.name}", min(best), wanted, wanted, at_least=True)


def run_peer(peer: Peer, settings: PeerSettings, tasks: int, folder: Path) -> PeerRun:
    """Run a peer in this process."""
    run = cast(Runs, importlib.import_module(peer.module).run)
    commands = draw_commands(settings.count(tasks), settings.seed, sender_ids=True)
    return run(peer.way, commands, tasks, settings.seconds, folder)


def _twofold(settings: PeerSettings, tasks: int, stage: Stage) -> LoadRun:
    with run_folder(settings.data) as folder:
        count = settings.count(tasks)
        run = in_own_process(run_load, count, settings.seed, folder, tasks, stage, sender_ids=True, effects=False)
        in_own_process(require_filled, folder, count)
        return run


def _peer(settings: PeerSettings, peer: Peer, tasks: int) -> PeerRun | str:
    with run_folder(settings.data) as folder:
        try:
            run = in_own_process(run_peer, peer, settings, tasks, folder.resolve())
        except Exception as failure:  # noqa: BLE001 each peer fails in its own way, and that costs its figure alone
            return f"{type(failure).__name__}: {failure}"
    if run.stored != run.changes:
        raise LostCommands(f"{peer.name} answered {run.changes} changes, and its store holds {run.stored}.")
    return run


def _beside(peers: Sequence[Peer], stage: Stage, tasks: int) -> Iterator[tuple[Peer, int]]:
    for peer in peers:
        for clients in peer.tasks:
            if peer.stage == stage and _tasks_beside(clients) == tasks:
                yield peer, clients


def _so_many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count > 1)}"


def _tasks_beside(clients: int) -> int:
    return 1 if clients == 1 else MANY
