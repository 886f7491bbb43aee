"""The row with effects on, beside its floor."""

from collections.abc import Sequence
from statistics import median

from .columns import aligned, with_spread
from .effect_pair import EffectPair
from .floor_effects import FloorWithEffects
from .rounds import MEGABYTE

__all__ = ["effect_table"]


def effect_table(pairs: Sequence[EffectPair]) -> str:
    """Return the medians over `pairs`, all of the same load."""
    if not pairs:
        return ""
    first = pairs[0]
    head = (
        f"With effects: {first.load.commands:,} commands, {first.effects:,} effects, of them {first.mails:,} e-mails."
    )
    parts = [head, _floor([pair.floor for pair in pairs if pair.floor is not None]), _twofold(pairs)]
    return "\n\n".join(part for part in parts if part)


def _floor(floors: Sequence[FloorWithEffects]) -> str:
    if not floors:
        return ""
    parts = [[seconds / run.whole.commands * 1e6 for seconds in _times(run)] for run in floors]
    whole, cpu, ledger, mails, purges = (median(column) for column in zip(*parts, strict=True))
    rest = whole - ledger - mails - purges
    head = ["floor with effects", "us a command", "CPU us", "ledger", "e-mails", "purges", "the rest", "effects/s"]
    figures = [f"{figure:.1f}" for figure in (whole, cpu, ledger, mails, purges, rest)]
    rate = median(run.effects / run.whole.seconds for run in floors)
    return aligned([head, [f"{1e6 / whole:,.0f} commands/s", *figures, f"{rate:,.0f}"]])


def _times(run: FloorWithEffects) -> tuple[float, ...]:
    return run.whole.seconds, run.whole.cpu_seconds, run.ledger_seconds, run.mail_seconds, run.purge_seconds


def _twofold(pairs: Sequence[EffectPair]) -> str:
    loads = [pair.load for pair in pairs]
    head = (
        "tasks",
        "wait",
        "commands/s",
        "of the floor",
        "until effects done",
        "of the floor",
        "effects/s",
        "CPU us",
        "peak MB",
    )
    row = (
        f"{loads[0].tasks:,}",
        loads[0].wait,
        f"{median(run.commands / run.seconds for run in loads):,.0f}",
        with_spread([pair.projected_ratio for pair in pairs]),
        f"{median(run.commands / run.settled_seconds for run in loads):,.0f}",
        with_spread([pair.settled_ratio for pair in pairs]),
        f"{median(pair.effects / pair.load.settled_seconds for pair in pairs):,.0f}",
        f"{median(run.cpu_seconds / run.commands for run in loads) * 1e6:.1f}",
        f"{max(run.peak_bytes for run in loads) / MEGABYTE:.0f}",
    )
    return aligned([head, row], numbers_from=2)
