"""A picture of each scenario, drawn from its figures: medians over the rounds, in colours that all eyes tell apart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .neighbours import TITLES
from .page import Measured
from .peers.drawing import draw_peers
from .rounds import MEGABYTE

__all__ = ["draw"]

# The palette of Okabe and Ito.
OURS, BARE, OTHER, MORE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
PALETTE = (OURS, BARE, OTHER, MORE)
PARTIES, TURNS = ("straight", "twofold"), ("alone", "beside")
SIZE = (8.0, 3.6)
"""Inches."""

Line: TypeAlias = dict[str, Any]
Draw: TypeAlias = Callable[[Figure, Measured], None]


def draw(folder: Path, measured: Measured) -> None:
    """Draw a scenario's picture into `folder`."""
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": measured.name, "font.size": 9}
    settings |= {"axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(settings):
        figure = Figure(figsize=SIZE, layout="constrained")
        PICTURES[measured.name](figure, measured)
        figure.savefig(folder / f"{measured.name}.svg", metadata={"Date": None})


def pipeline(figure: Figure, measured: Measured) -> None:
    """Show the commands a second by tasks and stage, with the floor as a line."""
    cells = grouped(measured.of_kind("load"), "tasks", "wait")
    tasks = sorted({cell[0] for cell in cells})
    rates = {
        wait: [
            middle(cells.get((count, wait), []), lambda run: run["commands"] / run["settled_seconds"])
            for count in tasks
        ]
        for wait in ("accepted", "handled", "projected")
    }
    axes = figure.subplots()
    bars(axes, [f"{count:,}" for count in tasks], {f"wait until {wait}": rate for wait, rate in rates.items()})
    floors = measured.of_kind("floor")
    if floors:
        axes.axhline(
            middle(floors, lambda run: run["commands"] / run["seconds"]), color="black", linestyle="--", label="floor"
        )
    named(axes, "tasks that submit", "commands a second, until all are projected")


def http(figure: Figure, measured: Measured) -> None:
    """Show the orders a second by way and connections, of both parties; streams apart, for they are many more."""
    cells = grouped(measured.of_kind("pair"), "way", "connections")
    ones = {cell: some for cell, some in cells.items() if cell[0] != "stream"}
    streams = {cell: some for cell, some in cells.items() if cell[0] == "stream"}
    left, right = figure.subplots(1, 2, width_ratios=[3, 1])
    for axes, shown, what in ((left, ones, "wait and connections"), (right, streams, "streams, connections")):
        names = [f"{way}\n{connections}" if way != "stream" else f"{connections}" for way, connections in shown]
        ours = [
            middle(some, lambda pair: pair["twofold"]["server"]["orders"] / seconds_until_handled(pair["twofold"]))
            for some in shown.values()
        ]
        clients = [[pair["bare"]["client"] for pair in some if pair["bare"] is not None] for some in shown.values()]
        bare = [middle(some, lambda client: client["orders"] / client["seconds"]) for some in clients]
        bars(axes, names, {"Twofold, until all are handled": ours, "bare endpoint": bare})
        axes.tick_params(axis="x", labelsize=7)
        named(axes, what, "orders a second")
    right.get_legend().remove()


def seconds_until_handled(party: Line) -> float:
    """Return how long a load over HTTP took until all of it was handled."""
    return float(party["server"]["handled"] - party["client"]["began"]) / 1e9


def stages(figure: Figure, measured: Measured) -> None:
    """Show the time of each stage of a command."""
    rows = measured.of_kind("stage")
    names, busy = [row["name"] for row in rows], [row["cpu"] for row in rows]
    waiting = [max(0.0, row["wall"] - row["cpu"]) for row in rows]
    axes = figure.subplots()
    axes.barh(names, busy, color=OURS, label="of the processor")
    axes.barh(names, waiting, left=busy, color=BARE, label="waiting for disk or processor")
    axes.invert_yaxis()
    axes.set_xlabel("microseconds a command")
    axes.legend(frameon=False)


def queries(figure: Figure, measured: Measured) -> None:
    """Show the queries a second of each way, for each load of the most tasks."""
    cells = grouped(measured.of_kind("queries"), "kind", "tasks", "rate")
    most = max(tasks for _, tasks, _ in cells)
    shown = {cell: some for cell, some in cells.items() if cell[1] == most}
    names = [f"{kind}\n{f'{rate} commands/s' if rate else 'idle'}" for kind, _, rate in shown]
    ways = {"Twofold": "Twofold", "one hop": "bare aiosqlite, execute_fetchall", "cursor": "bare aiosqlite, a cursor"}
    rates = {
        label: [middle([each["runs"][way] for each in some], queries_a_second) for some in shown.values()]
        for way, label in ways.items()
    }
    axes = figure.subplots()
    bars(axes, names, rates)
    named(axes, f"query, and commands that come in, {most} tasks", "queries a second")


def queries_a_second(run: Line) -> float:
    """Return the queries a second."""
    return float(run["queries"] / run["seconds"])


def http_queries(figure: Figure, measured: Measured) -> None:
    """Show the queries a second of both parties, for each load of the most connections."""
    cells = grouped(measured.of_kind("queries"), "kind", "connections", "rate")
    most = max(connections for _, connections, _ in cells)
    shown = {cell: some for cell, some in cells.items() if cell[1] == most}
    names = [f"{kind}\n{f'{rate} commands/s' if rate else 'idle'}" for kind, _, rate in shown]
    parties = {"Twofold": "Twofold", "bare aiosqlite": "bare endpoint, bare aiosqlite"}
    rates = {
        label: [middle([each["runs"][party]["client"] for each in some], requests_a_second) for some in shown.values()]
        for party, label in parties.items()
    }
    axes = figure.subplots()
    bars(axes, names, rates)
    named(axes, f"query, and commands that come in, {most} connections", "queries a second")


def requests_a_second(client: Line) -> float:
    """Return the requests a second."""
    return float(client["requests"] / client["seconds"])


def neighbours(figure: Figure, measured: Measured) -> None:
    """Show the commands a second without and beside each slow neighbour."""
    rows = measured.of_kind("neighbour")
    rates = {
        label: [middle([pair[turn] for pair in row["pairs"]], commands_a_second) for row in rows]
        for turn, label in zip(TURNS, ("without it", "beside it"), strict=True)
    }
    axes = figure.subplots()
    bars(axes, [TITLES[row["neighbour"]] for row in rows], rates)
    named(axes, "64 tasks, handled", "commands a second")


def commands_a_second(turn: Line) -> float:
    """Return the commands a second."""
    return float(turn["commands"] / turn["seconds"])


def overload(figure: Figure, measured: Measured) -> None:
    """Show what was handled and what refused before, under and after ten times the load."""
    found = measured.of_kind("overload")
    loads = [[each[name] for each in found] for name in ("before", "flood", "after")]
    clients = [[load["client"] for load in some] for some in loads]
    handled = [middle(some, lambda each: each["orders"] / each["seconds"]) for some in clients]
    refused = [middle(some, lambda each: (each["requests"] - each["orders"]) / each["seconds"]) for some in clients]
    axes = figure.subplots()
    bars(axes, [f"{some[0]['connections']} connections" for some in loads], {"handled": handled, "refused": refused})
    named(axes, "one after the other", "orders a second")


def rebuild(figure: Figure, measured: Measured) -> None:
    """Show events a second of both parties, and commands a second beside a rebuild."""
    idle, beside = figure.subplots(1, 2)
    pairs, turns = measured.of_kind("idle"), measured.of_kind("beside")
    events = [middle([pair[party] for pair in pairs], lambda run: run["events"] / run["seconds"]) for party in PARTIES]
    idle.bar(["straight loop", "Twofold"], events, color=[BARE, OURS])
    named(idle, "rebuild, nothing else to do", "events a second")
    commands = [middle([turn[kind] for turn in turns], commands_a_second) for kind in TURNS]
    beside.bar(["without a rebuild", "beside a rebuild"], commands, color=[BARE, OURS])
    named(beside, "64 tasks, handled", "commands a second")


def start(figure: Figure, measured: Measured) -> None:
    """Show how long each start took, in its parts."""
    folders = grouped(measured.of_kind("start"), "on")
    names = [f"killed, {some[-1]['commands']:,}" if on == "tail" else on for (on,), some in folders.items()]
    imports = [middle(some, lambda each: each["imported"] * 1e3) for some in folders.values()]
    opening = [middle(some, lambda each: (each["answered"] - each["imported"]) * 1e3) for some in folders.values()]
    axes = figure.subplots()
    axes.bar(names, imports, color=BARE, label="process and imports")
    axes.bar(names, opening, bottom=imports, color=OURS, label="opening, and the first query")
    axes.margins(y=0.3)
    named(axes, "handled commands in the folder", "milliseconds")


def growth(figure: Figure, measured: Measured) -> None:
    """Show the rate while folders grow, chunk by chunk, and the sizes of the files."""
    rates, files = figure.subplots(1, 2)
    kinds = grouped(measured.of_kind("size"), "ids")
    for ((ids,), sizes), colour in zip(kinds.items(), PALETTE, strict=False):
        chunks = [chunk for size in sizes for chunk in size["filling"]["chunks"]]
        after = [(chunk["after"] + chunk["commands"]) / 1e3 for chunk in chunks]
        per_second = [chunk["commands"] / chunk["cpu_seconds"] for chunk in chunks]
        rates.plot(after, per_second, ".", markersize=3, color=colour, label=f"ids {ids}")
    rates.set_ylim(bottom=0)
    named(rates, "thousands of events in the folder", "commands a second of processor time")
    sizes = next(iter(kinds.values()))
    parts = {"write_db": "write database", "log": "log", "read": "read database"}
    for (part, label), colour in zip(parts.items(), PALETTE, strict=False):
        held = [size["files"][part] / MEGABYTE for size in sizes]
        files.plot([size["commands"] / 1e3 for size in sizes], held, "o-", color=colour, label=label)
    files.set_ylim(bottom=0)
    named(files, "thousands of events in the folder", "MB on the disk")


def written(figure: Figure, measured: Measured) -> None:
    """Show the bytes a command of each load."""
    rows = grouped(measured.of_kind("written"), "party", "effects", "wait", "tasks")
    names, values, colours = [], [], []
    for (party, effects, wait, tasks), some in rows.items():
        who = f"Twofold, {tasks:,} {'task' if tasks == 1 else 'tasks'}, {wait}" if party == "Twofold" else str(party)
        names.append(f"{who}{', effects' if effects else ''}")
        values.append(middle(some, lambda each: each["bytes"] / each["commands"] / 1e3))
        colours.append(OURS if party == "Twofold" else BARE)
    axes = figure.subplots()
    axes.barh(names, values, color=colours)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(1, 100)
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.set_xlabel("KB written a command (logarithmic)")


SHOWN = pipeline, http, stages, queries, http_queries, rebuild, neighbours, overload, start, growth, written
PICTURES: Mapping[str, Draw] = {
    "peers": draw_peers,
    **{each.__name__: each for each in SHOWN},
}


def grouped(lines: Iterable[Line], *keys: str) -> dict[tuple[Any, ...], list[Line]]:
    """Return the lines by what they have under `keys`, in the order in which they come."""
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(line[key] for key in keys), []).append(line)
    return groups


def middle(lines: Sequence[Line], value: Callable[[Line], float]) -> float:
    """Return the median of a figure, or 0 where there is none to show."""
    return median(map(value, lines)) if lines else 0.0


def bars(axes: Axes, names: Sequence[str], series: Mapping[str, Sequence[float]]) -> None:
    """Draw a bar for each name of each series, those of a name side by side."""
    width = 0.8 / len(series)
    for index, ((label, values), colour) in enumerate(zip(series.items(), PALETTE, strict=False)):
        places = [place + (index - (len(series) - 1) / 2) * width for place in range(len(names))]
        axes.bar(places, values, width, color=colour, label=label)
    axes.set_xticks(range(len(names)), names)


def named(axes: Axes, x: str, y: str) -> None:
    """Name the axes, show thousands as such, and add a legend where there is something to tell apart."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    if axes.get_xlim()[1] > 1_000:
        axes.xaxis.set_major_formatter("{x:,.0f}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)
