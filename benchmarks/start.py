"""Starting: `python -m benchmarks.start [--quick]`.

The time from the start of a process to its first answered query on folders of no, some and many handled commands, and
on one that a `kill -9` has left with commands unhandled, which the start reads back; there also until they are handled.
One start after the other, folder by folder, all in the page cache. Beside it `import twofold` alone, and the memory of
a process that is idle and of one that has handled all of those commands. That of a start is measured right after its
query. The goal of the import is held against the least time of all, for other work can only lengthen it, without rich,
which is no part of what Twofold needs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from .columns import aligned, with_spread
from .filled import CHUNK, copy_of, filled, require_filled
from .first_query import StartRun
from .goals import Goal, goal_table
from .killed import leave_tail
from .measuring import Machine, in_own_process, machine
from .rounds import MEGABYTE
from .run_folder import run_folder
from .scenario import Durability, Recorded, parser_for, recorded, write_records

__all__ = ["main"]

IMPORT = (
    "import sys, time; {}cpu, began = time.process_time(), time.perf_counter(); import twofold; "
    "print(time.perf_counter() - began, time.process_time() - cpu)"
)
WITHOUT_RICH = "sys.modules['rich'] = None; "
"""Twofold needs no rich, but structlog imports it where it finds it, and the tools of the tests bring it along."""
DURABILITY: Durability = {"Twofold": "a start syncs the log's tail, and the files and folders that it makes"}


class StartSettings(Struct, frozen=True):
    """What is measured."""

    commands: tuple[int, ...]
    """How many each of the filled folders holds."""
    tail: int
    """How many are unhandled after the kill, at least."""
    imports: int
    rounds: int
    seed: int
    data: Path


class Start(Struct, frozen=True):
    """One start; times are seconds from the start of the process."""

    on: str
    commands: int
    round: int
    load_average: float
    imported: float
    opened: float
    answered: float
    settled: float
    """All that the log held is handled and projected."""
    resident_bytes: int


class Import(Struct, frozen=True):
    """One `import twofold` in a new process, in seconds."""

    rich: bool
    """Whether rich, where it is installed, was to be found."""
    seconds: float
    cpu_seconds: float


class StartResults(Struct):
    """All starts and imports, and the memory after the most commands."""

    starts: list[Start] = []
    imports: list[Import] = []
    after: int = 0
    resident_bytes: int = 0
    peak_bytes: int = 0

    def ratios(self, on: str) -> list[float]:
        """Return, of each round, the time of a start on `on` over that on none."""
        none = {each.round: each.answered for each in self.starts if each.on == "none"}
        return [each.answered / none[each.round] for each in self.starts if each.on == on]

    def folders(self) -> dict[str, list[Start]]:
        """Return the starts on each folder."""
        folders: dict[str, list[Start]] = {}
        for each in self.starts:
            folders.setdefault(each.on, []).append(each)
        return folders


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    parser = parser_for("start", "Measure starts.")
    parser.add_argument("--commands", type=int, nargs="+", help="how many each of the filled folders holds")
    parser.add_argument("--tail", type=int, help="how many are unhandled after the kill, at least")
    parser.add_argument("--filled", type=Path, metavar="FOLDER", help="keep the filled folders there, or find them")
    given = parser.parse_args(arguments)
    quick, full = ([20_000], 1_000, 3, 3), ([100_000, 1_000_000], 10_000, 10, 10)
    commands, tail, imports, rounds = quick if given.quick else full
    settings = StartSettings(
        tuple(given.commands or commands), given.tail or tail, imports, given.rounds or rounds, given.seed, given.data
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    before = machine(settings.data)
    results = measure(settings, given.filled, lambda line: print(line, file=sys.stderr, flush=True))
    goals = reached(results)
    print(report(settings, before, results, goals))
    write_records(given.json, settings, before, DURABILITY, records(results), goals)
    return 0


def measure(settings: StartSettings, kept: Path | None, tell: Callable[[str], None]) -> StartResults:
    """Fill the folders, and start on each of them in turn, round by round."""
    results = StartResults()
    with ExitStack() as stack:
        folders = {"none": (stack.enter_context(run_folder(settings.data)) / "data", 0)}
        start_on(folders["none"][0])  # which makes the files
        for commands in settings.commands:
            tell(f"a folder of {commands:,} commands")
            folder = stack.enter_context(filled(kept, settings.data, commands, settings.seed))
            data = stack.enter_context(copy_of(folder.data, settings.data))
            folders[f"{commands:,}"] = data, commands
            results.after, filling = commands, folder.filling
            results.resident_bytes, results.peak_bytes = filling.resident_bytes, filling.peak_bytes
        for number in range(1, settings.rounds + 1):
            tell(f"round {number}")
            results.starts.append(first_start(settings, number))
            results.starts += [_start(on, number, *folder) for on, folder in folders.items()]
        for number in range(1, settings.rounds + 1):
            tell(f"round {number}, after a kill")
            on, (data, commands) = list(folders.items())[-1]
            commands += leave_tail(data, commands, settings.seed, settings.tail)
            folders[on] = data, commands
            results.starts.append(_start("tail", number, data, commands))
        tell("imports, and a verification of all folders")
        results.imports += [import_once(rich=rich) for _ in range(settings.imports) for rich in (False, True)]
        for data, commands in folders.values():
            in_own_process(require_filled, data, commands)
    return results


def first_start(settings: StartSettings, number: int) -> Start:
    """Start on a folder that is not there yet."""
    with run_folder(settings.data) as folder:
        first = _start("new", number, folder / "data", 0)
        in_own_process(require_filled, folder / "data", 0)
        return first


def _start(on: str, number: int, data: Path, commands: int) -> Start:
    load, began = os.getloadavg()[0], time.perf_counter_ns()
    run = start_on(data)
    moments = run.imported, run.opened, run.answered, run.settled
    imported, opened, answered, settled = ((moment - began) / 1e9 for moment in moments)
    return Start(on, commands, number, load, imported, opened, answered, settled, run.resident_bytes)


def start_on(data: Path) -> StartRun:
    """Start a process on `data`, and wait until it has ended again, in order."""
    command = [sys.executable, "-m", "benchmarks.first_query", str(data)]
    return msgspec.json.decode(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, type=StartRun)


def import_once(*, rich: bool) -> Import:
    """Import Twofold in a new process."""
    code = IMPORT.format("" if rich else WITHOUT_RICH)
    told = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, cpu = map(float, told.split())
    return Import(rich, seconds, cpu)


def reached(results: StartResults) -> list[Goal]:
    """Return the goals; those of a million commands are held against the most that there were."""
    most = f"{results.after:,}"
    idle = median(each.resident_bytes for each in results.folders()["none"]) / MEGABYTE
    least = min(each.seconds for each in results.imports if not each.rich)
    return [
        Goal(f"start on {most} handled commands, over none", median(results.ratios(most)), 1.5, 1.5, at_least=False),
        Goal("import twofold, s", least, 0.25, 0.25, at_least=False),
        Goal("resident memory, idle, MB", idle, 70, 70, at_least=False),
        Goal(f"resident memory, after {most} commands, MB", results.peak_bytes / MEGABYTE, 150, 150, at_least=False),
    ]


def records(results: StartResults) -> list[Recorded]:
    """Return all that was measured, one record a start or an import."""
    memory = {"after": results.after, "resident_bytes": results.resident_bytes, "peak_bytes": results.peak_bytes}
    return [
        *(recorded("start", each) for each in results.starts),
        *(recorded("import", each) for each in results.imports),
        {"record": "memory", **memory},
    ]


def report(settings: StartSettings, measured_on: Machine, results: StartResults, goals: Sequence[Goal]) -> str:
    """Return what was measured, as tables."""
    loads = [each.load_average for each in results.starts]
    head = [
        f"Starts, {settings.rounds} a folder, from the page cache; after the kill {settings.tail:,} are unhandled",
        measured_on.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the starts.",
        "Figures are medians, in ms: until the process has imported all, for opening the folder, and from the start of",
        "the process until the query was answered, and until all is handled. `new` makes its files, `none` has them.",
    ]
    columns = "folder", "commands", "imports", "opening", "answered", "handled", "over none", "resident MB"
    rows: list[tuple[str, ...]] = [columns]
    for on, starts in results.folders().items():
        moments = [(each.imported, each.opened - each.imported, each.answered, each.settled) for each in starts]
        times = [f"{median(column) * 1e3:.0f}" for column in zip(*moments, strict=True)]
        memory = f"{median(each.resident_bytes for each in starts) / MEGABYTE:.0f}"
        rows.append((on, f"{starts[-1].commands:,}", *times, with_spread(results.ratios(on)), memory))
    imports = "\n".join(_imports(results, rich=rich) for rich in (False, True))
    memory = (
        f"memory after {results.after:,} commands: {results.resident_bytes / MEGABYTE:.0f} MB, "
        f"at most {results.peak_bytes / MEGABYTE:.0f} MB, with the {CHUNK:,} commands that the benchmark holds itself"
    )
    return "\n\n".join(("\n".join(head), aligned(rows), f"{imports}\n{memory}", goal_table(goals)))


def _imports(results: StartResults, *, rich: bool) -> str:
    some = [each for each in results.imports if each.rich == rich]
    seconds, cpu = ([getattr(each, name) * 1e3 for each in some] for name in ("seconds", "cpu_seconds"))
    how = "with all that is installed here" if rich else "without rich"
    return (
        f"import twofold, {how}: {min(seconds):.0f} ms at least, {median(seconds):.0f} ms at the median; "
        f"by the processor {min(cpu):.0f} and {median(cpu):.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
