"""Results as a person reads them: aligned columns, medians over the rounds, goals beside what was reached."""

from statistics import median

from .columns import aligned, with_spread
from .effect_table import effect_table
from .floor import FloorRun
from .goals import goal_table
from .rounds import MEGABYTE, Results, Settings, reached

__all__ = ["report"]

NO_UVLOOP = "it was left out, or uvloop is missing: pip install '.[bench]'"


def report(settings: Settings, results: Results) -> str:
    """Return all tables of a run."""
    source = "the sender" if settings.sender_ids else "Twofold"
    commands = settings.effect_commands if settings.effects == "on" else settings.commands
    rounds = f"{settings.rounds} rounds"
    if results.floors and settings.whole_rounds < settings.rounds:
        rounds += f" beside the floor, {settings.whole_rounds} of all else"
    head = [
        f"{commands:,} shop commands, seed {settings.seed}, ids from {source}; {rounds}",
        results.machine.described(),
        "Figures are medians over the rounds; memory is the most of any.",
    ]
    parts = [
        "\n".join(head),
        _floor_table(results),
        _hops_line(results),
        _load_table(results),
        _uvloop_line(settings, results),
        effect_table([pair for _, pair in results.pairs]),
        goal_table(reached(results)),
    ]
    return "\n\n".join(part for part in parts if part)


def _floor_table(results: Results) -> str:
    if not results.floors:
        return ""
    parts = [[seconds / run.commands * 1e6 for seconds in _times(run)] for _, run in results.floors]
    whole, cpu, log, write, read = (median(column) for column in zip(*parts, strict=True))
    figures = [f"{figure:.1f}" for figure in (whole, cpu, log, write, read, whole - log - write - read)]
    head = ["floor", "us a command", "CPU us", "log", "write DB", "read DB", "Python"]
    return aligned([head, [f"{1e6 / whole:,.0f} commands/s", *figures]])


def _times(run: FloorRun) -> tuple[float, ...]:
    return run.seconds, run.cpu_seconds, run.log_seconds, run.write_seconds, run.read_seconds


def _hops_line(results: Results) -> str:
    if not results.hops:
        return ""
    append = median(hops.append.p50 for _, hops in results.hops) / 1e3
    both = median(hops.append_and_commit.p50 for _, hops in results.hops) / 1e3
    return f"bare hops, p50: append {append:.2f} ms, append and commit {both:.2f} ms"


def _uvloop_line(settings: Settings, results: Results) -> str:
    if not results.uvloops:
        return "" if settings.effects == "on" else f"skipped: the fullest load on uvloop; {NO_UVLOOP}"
    rate = median(run.commands / run.settled_seconds for _, run in results.uvloops)
    cpu = median(run.cpu_seconds / run.commands for _, run in results.uvloops) * 1e6
    tasks, wait = results.paired
    return (
        f"On uvloop {tasks:,} tasks, {wait}: {rate:,.0f} commands/s, {cpu:.1f} us of CPU each; "
        f"{with_spread(results.uvloop_ratios())} of the rate on asyncio's own loop"
    )


def _load_table(results: Results) -> str:
    head = (
        "tasks",
        "wait",
        "commands",
        "commands/s",
        "until settled",
        "of the floor",
        "CPU us",
        "p50 ms",
        "p99 ms",
        "peak MB",
    )
    rows = [head]
    if not results.loads:
        return ""
    for (tasks, wait), runs in results.by_cell().items():
        ratios = results.ratios() if (tasks, wait) == results.paired else []
        rows.append(
            (
                f"{tasks:,}",
                wait,
                f"{runs[0].commands:,}",
                f"{median(run.commands / run.seconds for run in runs):,.0f}",
                f"{median(run.commands / run.settled_seconds for run in runs):,.0f}",
                f"{median(ratios):.3f}" if ratios else "",
                f"{median(run.cpu_seconds / run.commands for run in runs) * 1e6:.1f}",
                f"{median(run.latencies.p50 for run in runs) / 1e3:.2f}",
                f"{median(run.latencies.p99 for run in runs) / 1e3:.2f}",
                f"{max(run.peak_bytes for run in runs) / MEGABYTE:.0f}",
            )
        )
    return aligned(rows, numbers_from=2)
