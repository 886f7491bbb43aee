"""The stages of a command as a person reads them, and as JSON lines."""

from typing import Any

import msgspec
from msgspec import Struct

from .columns import aligned
from .interpreter import Holders
from .measuring import Machine
from .stage_walk import PARTS, STAGES, StageTime

__all__ = ["StageResults", "WholeTime", "records", "report"]


class WholeTime(Struct, frozen=True):
    """What the whole pipeline took, in microseconds a command: by the clock, and of the processors by all threads."""

    wall: float
    cpu: float


class StageResults(Struct, frozen=True):
    """All that was measured."""

    machine: Machine
    batch: int
    walks: int
    tasks: int
    stages: dict[str, StageTime]
    of_orders: dict[str, StageTime]
    """The stages of orders of ten lines, and of nothing else."""
    wholes: list[WholeTime]
    holders: Holders | str
    """Who held the interpreter's lock, or why that is not known."""

    def all_stages(self) -> StageTime:
        """Return the sum of all stages."""
        return _sum_of(self.stages)


def report(results: StageResults) -> str:
    """Return all tables."""
    head = [
        f"{results.batch:,} shop commands, effects off; the least of {results.walks} walks, in us a command",
        results.machine.described(),
    ]
    parts = ["\n".join(head), _stage_table(results), _whole_table(results), _holder_table(results)]
    return "\n\n".join(part for part in parts if part)


def records(results: StageResults) -> list[dict[str, Any]]:
    """Return all that was measured, one record a figure, what it was measured on first."""
    plain = msgspec.to_builtins
    run = {"batch": results.batch, "walks": results.walks, "tasks": results.tasks, "machine": plain(results.machine)}
    of = {part: stage for stage, parts in PARTS.items() for part in parts}
    lines: list[dict[str, Any]] = [{"record": "run", **run}]
    for name, time in results.stages.items():
        lines.append({"record": "stage" if name in STAGES else "part", "name": name, "of": of.get(name), **plain(time)})
    lines += [{"record": "stage of an order", "name": name, **plain(results.of_orders[name])} for name in STAGES]
    lines += [{"record": "whole", **plain(whole)} for whole in results.wholes]
    holders = results.holders
    lines.append(
        {"record": "interpreter", **(plain(holders) if isinstance(holders, Holders) else {"not known": holders})}
    )
    return lines


def _sum_of(stages: dict[str, StageTime]) -> StageTime:
    times = [stages[name] for name in STAGES]
    return StageTime(sum(each.wall for each in times), sum(each.cpu for each in times))


def _stage_table(results: StageResults) -> str:
    whole, whole_of_orders = results.all_stages(), _sum_of(results.of_orders)
    rows = [("stage", "", "us", "CPU us", "of CPU", "ten lines, CPU us")]

    def row(name: str, what: str, time: StageTime, of_orders: StageTime) -> None:
        share = f"{time.cpu / whole.cpu:.0%}"
        rows.append((name, what, f"{time.wall:.2f}", f"{time.cpu:.2f}", share, f"{of_orders.cpu:.2f}"))

    for name, what in STAGES.items():
        row(name, what, results.stages[name], results.of_orders[name])
        for part in PARTS.get(name, ()):
            row(f"    {part}", "", results.stages[part], results.of_orders[part])
    row("all stages", "", whole, whole_of_orders)
    return aligned(rows, numbers_from=2)


def _whole_table(results: StageResults) -> str:
    if not results.wholes:
        return ""
    wall, cpu = min(each.wall for each in results.wholes), min(each.cpu for each in results.wholes)
    rows = [
        (f"the whole pipeline under {results.tasks:,} tasks", "us", "CPU us"),
        (f"the least of {len(results.wholes)} rounds, until projected", f"{wall:.1f}", f"{cpu:.1f}"),
        ("in no stage: event loop, tasks, threads", "", f"{cpu - results.all_stages().cpu:.1f}"),
    ]
    return aligned(rows)


def _holder_table(results: StageResults) -> str:
    holders = results.holders
    if isinstance(holders, str):
        return f"Who holds the interpreter's lock is not known: {holders}."
    groups = sorted(holders.looks, key=holders.looks.__getitem__, reverse=True)
    held = [(group, f"{holders.looks[group]:,}", f"{holders.share(group):.0%}") for group in groups]
    return aligned([("who holds the interpreter's lock", "looks", "of all"), *held])
