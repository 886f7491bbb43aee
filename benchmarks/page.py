"""The page `docs/benchmarks/README.md`, made from what the scenarios left beside it."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import msgspec

from .bounds import bounds
from .goals import Goal
from .summary import goal_rows

__all__ = ["Measured", "bounds_of", "goals_of", "loads_in", "read_measured", "write_page"]

TITLES = {
    "pipeline": "The whole pipeline, beside the floor",
    "http": "Commands over HTTP, beside a bare endpoint",
    "stages": "Where the time of a command goes",
    "queries": "Queries in process, beside bare aiosqlite",
    "http_queries": "Queries over HTTP, beside a bare endpoint",
    "rebuild": "Rebuilding the read database",
    "neighbours": "Beside a slow neighbour",
    "overload": "Ten times the load",
    "start": "Starts, the import, and memory",
    "growth": "A growing history",
    "written": "Bytes written to the disk",
    "peers": "Beside what a user might pick instead",
}
HEAD = """\
# Benchmarks

What Twofold reaches on a small machine, beside programs that do the same work without it. Made by `make bench`; do not
edit. Figures that depend on the machine say little by themselves: read the ratios, whose two parties ran in turns. How
many rounds and commands a scenario had stands in its first line, and above its picture the load average: 0 where the
machine did nothing else, and one more for each processor that others wanted.

On a busy machine ratios spread from round to round, and come out too well where the other party is one thread, which
loses the most to other work: the floor of the pipeline, a bare endpoint. Believe what was measured on a quiet one.

## How to run them

    make bench-quick    # three minutes, and figures that tell little more than that all is at work
    make bench          # some hours; 5,000,000 events take half an hour or more of them, and 10 GB of disk
    make bench ARGS="--only queries start"
    make bench ARGS="--only growth --rounds 3 --ids made"    # half of it: a quarter of an hour on a quiet machine
    make bench ARGS="--only peers"    # those that are not installed are skipped by name; see peers.md

Each scenario is a program of its own as well, `python -m benchmarks.queries --help`; its first lines say what it does.
Its figures lie here as JSON lines: settings, versions, machine, load, and what each party has safe on the disk.
"""


class Measured(NamedTuple):
    """What a scenario left."""

    name: str
    lines: list[dict[str, Any]]
    tables: str
    date: datetime

    @property
    def run(self) -> dict[str, Any]:
        """The settings and the machine."""
        return self.lines[0]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the lines of a kind."""
        return [line for line in self.lines if line["record"] == kind]


def read_measured(folder: Path, name: str) -> Measured:
    """Read what the scenario left in `folder`."""
    file = folder / f"{name}.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return Measured(
        name, lines, (folder / f"{name}.txt").read_text(), datetime.fromisoformat(lines[0]["machine"]["date"])
    )


def goals_of(measured: Sequence[Measured]) -> list[Goal]:
    """Return all goals, in the order of the scenarios."""
    return [
        msgspec.convert({key: value for key, value in line.items() if key != "record"}, Goal)
        for each in measured
        for line in each.of_kind("goal")
    ]


def bounds_of(measured: Sequence[Measured]) -> str:
    """Return what bounds that which was missed, where it was measured, a paragraph for each kind of goal."""
    told = bounds(goals_of(measured), {each.name: each.lines for each in measured})
    return "\n\n".join(fill(paragraph, 120) for paragraph in ["What bounds those that are missed:", *told] if told)


def write_page(folder: Path, measured: Sequence[Measured]) -> None:
    """Write the page."""
    rows = goal_rows(goals_of(measured))
    table = [f"| {' | '.join(row)} |" for row in rows]
    table.insert(1, f"| {' | '.join('---' for _ in rows[0])} |")
    parts = [HEAD, "## All goals\n\n" + "\n".join(table) + f"\n\n{bounds_of(measured)}\n", *map(_section, measured)]
    (folder / "README.md").write_text("\n".join(parts))


def loads_in(value: object) -> Iterator[float]:
    """Yield each load average that was taken while a scenario ran."""
    if isinstance(value, list):
        for item in value:
            yield from loads_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "load_average":
                yield item
            else:
                yield from loads_in(item)


def _section(each: Measured) -> str:
    machine = each.run["machine"]
    loads = [machine["load_average"][0], *loads_in(each.lines[1:])]
    where = (
        f"{each.date:%Y-%m-%d}, {machine['processors']} processors, {machine['filesystem'].partition(' ')[0]}, "
        f"Python {machine['python']}, SQLite {machine['sqlite']}; load average {min(loads):.1f} to {max(loads):.1f}"
    )
    title = TITLES[each.name]
    safe = "".join(f"- {party}: {what}\n" for party, what in each.run.get("durability", {}).items())
    return (
        f"## {title}\n\n{where}.\n\n![{title}]({each.name}.svg)\n\n```text\n{each.tables.strip()}\n```\n"
        + (f"\nSafe on the disk:\n\n{safe}" if safe else "")
        + f"\nAll figures: [{each.name}.jsonl]({each.name}.jsonl).\n"
    )
