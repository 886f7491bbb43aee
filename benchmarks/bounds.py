"""What bounds that which was missed: a paragraph for each kind of goal, from the figures that the scenarios left."""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, TypeAlias

from .goals import Goal

__all__ = ["Lines", "bounds"]

Lines: TypeAlias = Mapping[str, Sequence[dict[str, Any]]]
"""The JSON lines of each scenario that was measured."""

MOST_TOLD = 3
"""Stages that are named."""


def bounds(goals: Sequence[Goal], lines: Lines) -> list[str]:
    """Return what bounds the goals that were missed; nothing where none was, or nobody has measured why."""
    missed = [goal.what for goal in goals if not goal.is_met()]
    told = [tell(lines) for goal, tell in TELLERS.items() if any(re.match(goal, what) for what in missed)]
    return [paragraph for paragraph in told if paragraph]


def _by_the_stages(lines: Lines) -> str:
    """Commands that come together share one interpreter, so what bounds them is where its time goes."""
    stages = lines.get("stages", ())
    cpu = {line["name"]: line["cpu"] for line in stages if line["record"] == "stage"}
    if not cpu:
        return ""
    told = f"The rates: the stages of a command take {sum(cpu.values()):.0f} us of a processor, {_most_of(cpu)}"
    if wholes := [line["cpu"] for line in stages if line["record"] == "whole"]:
        told += f"; the whole pipeline takes {min(wholes):.0f}, the rest of it for the event loop, tasks and threads"
    looks: dict[str, int] = next((line["looks"] for line in stages if "looks" in line), {})
    if looks:
        most = max(looks, key=looks.__getitem__)
        share = looks[most] / sum(looks.values())
        told += f". Of the time in which the interpreter's lock is held, {most} have {share:.0%}"
    return f"{told}."


def _by_one_task(lines: Lines) -> str:
    told = "A single task waits for the disk, and for threads to wake: see the bare hops beside it."
    return told if lines.get("pipeline") else ""


def _by_orders_over_http(lines: Lines) -> str:
    """What the work itself leaves of the bare endpoint's rate, and what is added to it."""
    stages = {line["name"]: line["cpu"] for line in lines.get("stages", ()) if line["record"] == "stage of an order"}
    pairs = [
        line
        for line in lines.get("http", ())
        if line["record"] == "pair" and (line["way"], line["connections"]) == ("accepted", 64) and line.get("floor")
    ]
    if not stages or not pairs:
        return ""
    bare, floor, ours = (
        median(pair[party]["server"]["cpu_seconds"] / pair[party]["server"]["orders"] * 1e6 for pair in pairs)
        for party in ("bare", "floor", "twofold")
    )
    of_bare = median(_handled_rate(pair["floor"]) / _answered_rate(pair["bare"]) for pair in pairs)
    of_floor = median(_handled_rate(pair["twofold"]) / _handled_rate(pair["floor"]) for pair in pairs)
    total, batch = sum(stages.values()), lines["stages"][0]["batch"]
    return (
        f"HTTP: an order of ten lines costs the bare endpoint {bare:.0f} us of a processor. Where the floor's program "
        f"stands behind it, which does the same durable work with nothing around it, it costs {floor:.0f}, and "
        f"{of_bare:.2f} of the rate is left. Twofold costs {ours:.0f} and reaches {of_floor:.2f} of that. Its stages "
        f"alone, {batch:,} orders at a time, take {total:.0f}, {_most_of(stages)}; the rest is HTTP, the event loop, "
        "and threads that wait for the interpreter's lock."
    )


def _answered_rate(run: Mapping[str, Any]) -> float:
    return float(run["client"]["orders"] / run["client"]["seconds"])


def _handled_rate(run: Mapping[str, Any]) -> float:
    return float(run["server"]["orders"] / (run["server"]["handled"] - run["client"]["began"]) * 1e9)


def _by_random_ids(lines: Lines) -> str:
    """Random ids cost pages of their index: what the clock says beyond the processor is the wait for them."""
    sizes = [line for line in lines.get("growth", ()) if line["record"] == "size" and line["ids"] == "random"]
    if not sizes:
        return ""
    largest = max(sizes, key=lambda line: line["commands"])
    by_clock, by_processor = (
        median(turn["young"][figure] / turn["grown"][figure] for turn in largest["turns"])
        for figure in ("seconds", "cpu_seconds")
    )
    return (
        "Random ids: each falls on another page of the index of ids, which is read, copied into the write-ahead log, "
        f"and written back later. At {largest['commands']:,} commands the rate is {by_clock:.2f} of that on a young "
        f"history, and {by_processor:.2f} by the processor's time: the difference is the wait for those pages. Ids "
        "that grow with time, as UUIDv7 does, or those that Twofold makes, fall on the newest page."
    )


def _by_the_peers(lines: Lines) -> str:
    return "The peers: see the columns of what each does of the work, and in what groups." if lines.get("peers") else ""


def _most_of(cpu: Mapping[str, float]) -> str:
    longest = sorted(cpu, key=cpu.__getitem__, reverse=True)[:MOST_TOLD]
    return "most of them " + ", ".join(f"{name} {cpu[name] / sum(cpu.values()):.0%}" for name in longest)


TELLERS: Mapping[str, Callable[[Lines], str]] = {
    "1,024 tasks": _by_the_stages,
    "1 task": _by_one_task,
    "HTTP": _by_orders_over_http,
    "throughput.*random": _by_random_ids,
    "(accepted|handled), over": _by_the_peers,
}
"""By a pattern of the goals that each of them explains."""
