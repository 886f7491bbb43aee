"""Results as a person reads them: aligned columns, medians over the rounds, goals beside what was reached."""

from collections.abc import Sequence
from statistics import median

from .columns import aligned
from .effect_table import effect_table
from .floor import FloorRun
from .goals import Goal
from .rounds import MEGABYTE, Results, Settings, reached

__all__ = ["report"]


def report(settings: Settings, results: Results) -> str:
    """Return all tables of a run."""
    machine = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    source = "the sender" if settings.sender_ids else "Twofold"
    commands = settings.effect_commands if settings.effects == "on" else settings.commands
    head = [
        f"{commands:,} shop commands, seed {settings.seed}, ids from {source}; {settings.rounds} rounds",
        f"Python {machine.python}, SQLite {machine.sqlite}, {packages}",
        f"{machine.system}, {machine.processors} processors, load {machine.load_average[0]:.2f}, {machine.filesystem}",
        "Figures are medians over the rounds; memory is the most of any.",
    ]
    parts = [
        "\n".join(head),
        _floor_table(results),
        _hops_line(results),
        _load_table(results),
        effect_table([pair for _, pair in results.pairs]),
        _goal_table(reached(results)),
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


def _goal_table(goals: Sequence[Goal]) -> str:
    if not goals:
        return ""
    rows = [("goal", "reached", "now", "goal", "")]
    for goal in goals:
        sign = ">=" if goal.at_least else "<="
        verdict = "goal" if goal.is_met() else "now" if goal.is_met_now() else "missed"
        rows.append((goal.what, f"{goal.reached:.3g}", f"{sign} {goal.now:g}", f"{sign} {goal.wanted:g}", verdict))
    return aligned(rows)
