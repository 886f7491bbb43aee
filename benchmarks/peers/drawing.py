"""One picture of all parties: commands a second, stage by stage."""

from pathlib import Path
from statistics import median
from typing import TypeAlias

import matplotlib as mpl
from matplotlib import pyplot as plt
from twofold.actors.submission import Stage

from .rounds import STAGES, Results

__all__ = ["draw"]

TWOFOLD, PEER, LESS_DURABLE = "#1f6f54", "#9aa5b1", "#dfe3e8"

Bar: TypeAlias = tuple[str, float, str]
"""Whose it is, commands a second, and its colour."""


def draw(results: Results, file: Path) -> None:
    """Draw each party under each load; a paler bar is not as durable."""
    mpl.rcParams.update({"svg.hashsalt": "peers", "svg.fonttype": "none"})  # the same figures make the same, small file
    stages = {stage: _bars(results, stage) for stage in STAGES}
    counts = [len(bars) for bars in stages.values()]
    figure, panels = plt.subplots(
        len(stages), sharex=True, figsize=(9, 0.3 * sum(counts) + 1.5), layout="constrained", height_ratios=counts
    )
    for panel, (stage, bars) in zip(panels, stages.items(), strict=True):
        names, rates, colours = zip(*bars, strict=True)
        drawn = panel.barh(names, rates, color=colours)
        panel.bar_label(drawn, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
        panel.set_title(stage, loc="left", fontsize=10)
        panel.tick_params(axis="y", labelsize=8)
        panel.invert_yaxis()
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xscale("log")
    panels[-1].set_xlabel("commands a second, logarithmic")
    panels[-1].set_xlim(right=max(rate for bars in stages.values() for _, rate, _ in bars) * 2)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)


def _bars(results: Results, stage: Stage) -> list[Bar]:
    bars = [
        (f"Twofold, {tasks:,} task{'s' * (tasks > 1)}", median(run.commands / run.seconds for run in runs), TWOFOLD)
        for (tasks, at), runs in results.loads().items()
        if at == stage
    ]
    for peer in results.peers:
        for tasks in peer.tasks if peer.stage == stage else ():
            if not (runs := results.compared(peer, tasks).runs):
                continue
            rate = median(run.commands / run.seconds for run in runs)
            who = f"{peer.name}, {tasks:,} client{'s' * (tasks > 1)}"
            bars.append((who, rate, PEER if peer.is_durable else LESS_DURABLE))
    return sorted(bars, key=lambda bar: -bar[1])
