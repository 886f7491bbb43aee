"""The picture of all parties: commands a second, stage by stage, from what the measurement left."""

from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from .rounds import STAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmarks.page import Measured

__all__ = ["draw_peers"]

TWOFOLD, PEER, LESS_DURABLE = "#1f6f54", "#9aa5b1", "#dfe3e8"

Bar: TypeAlias = tuple[str, float, str]
"""Whose it is, commands a second, and its colour."""


def draw_peers(figure: "Figure", measured: "Measured") -> None:
    """Draw each party under each load; a paler bar is not as durable."""
    stages = {stage: bars for stage in STAGES if (bars := _bars(measured, stage))}
    counts = [len(bars) for bars in stages.values()]
    figure.set_size_inches(9, 0.3 * sum(counts) + 1.5)
    panels = figure.subplots(len(stages), sharex=True, squeeze=False, height_ratios=counts)[:, 0]
    for panel, (stage, bars) in zip(panels, stages.items(), strict=True):
        names, rates, colours = zip(*bars, strict=True)
        drawn = panel.barh(names, rates, color=colours)
        panel.bar_label(drawn, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
        panel.set_title(stage, loc="left", fontsize=10)
        panel.tick_params(axis="y", labelsize=8)
        panel.invert_yaxis()
    panels[-1].set_xscale("log")
    panels[-1].set_xlabel("commands a second, logarithmic")
    panels[-1].set_xlim(right=max(rate for bars in stages.values() for _, rate, _ in bars) * 2)


def _bars(measured: "Measured", stage: str) -> list[Bar]:
    rates: dict[tuple[str, str], list[float]] = {}
    for run in measured.of_kind("Twofold"):
        if run["wait"] == stage:
            who = f"Twofold, {run['tasks']:,} task{'s' * (run['tasks'] > 1)}", TWOFOLD
            rates.setdefault(who, []).append(_rate(run))
    peers = {peer["name"]: peer for peer in measured.of_kind("peer") if peer["stage"] == stage}
    for each in measured.of_kind("measured"):
        if (peer := peers.get(each["peer"])) is not None:
            colour = PEER if peer["is_durable"] else LESS_DURABLE
            who = f"{peer['name']}, {each['tasks']:,} client{'s' * (each['tasks'] > 1)}", colour
            rates.setdefault(who, []).append(_rate(each["run"]))
    bars = [(name, median(some), colour) for (name, colour), some in rates.items()]
    return sorted(bars, key=lambda bar: -bar[1])


def _rate(run: dict[str, Any]) -> float:
    return float(run["commands"] / run["seconds"])
