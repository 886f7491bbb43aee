"""Results over HTTP as a person reads them: a row a load, medians over the rounds, ratios with their spread."""

from collections.abc import Sequence
from statistics import median

from .columns import aligned, with_spread
from .goals import goal_table
from .http_orders import LINES, STREAM
from .http_rounds import HttpPair, HttpResults, HttpSettings, PartyRun, reached
from .rounds import MEGABYTE

__all__ = ["report"]


def report(settings: HttpSettings, results: HttpResults) -> str:
    """Return all tables of a run."""
    loads = [pair.load_average for _, pair in results.pairs]
    client = "wrk" if settings.client == "wrk" else "the benchmark's own client"
    head = [
        f"Orders of {LINES} lines, seed {settings.seed}, effects off; a stream has {STREAM} of them a request",
        f"{settings.rounds} rounds of {settings.seconds} s a load, from {client}, on the same processors",
        results.machine.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before the pairs.",
        "Figures are medians over the rounds; latencies are of a request, CPU is of an order; memory is the most.",
    ]
    parts = ["\n".join(head), _bare_table(results), _floor_table(results), _twofold_table(results)]
    parts.append(goal_table(reached(results)))
    return "\n\n".join(part for part in parts if part)


def _bare_table(results: HttpResults) -> str:
    rows = [("bare", "connections", "orders/s", "p50 ms", "p99 ms", "CPU us", "client's CPU us", "peak MB")]
    for (way, connections), pairs in results.by_cell().items():
        if runs := [pair.bare for pair in pairs if pair.bare is not None]:
            rate = f"{median(run.answered_rate for run in runs):,.0f}"
            rows.append((way, f"{connections}", rate, *_common(runs)))
    return aligned(rows) if len(rows) > 1 else ""


def _floor_table(results: HttpResults) -> str:
    rows = [("the floor behind it", "connections", "until handled", "of bare", "Twofold of it", "CPU us", "peak MB")]
    for (way, connections), pairs in results.by_cell().items():
        if runs := [pair.floor for pair in pairs if pair.floor is not None]:
            *_, cpu, _, peak = _common(runs)
            of_bare = with_spread([pair.floor_ratio for pair in pairs])
            twofold = with_spread([pair.over_floor for pair in pairs])
            rate = f"{median(run.handled_rate for run in runs):,.0f}"
            rows.append((way, f"{connections}", rate, of_bare, twofold, cpu, peak))
    return aligned(rows) if len(rows) > 1 else ""


def _twofold_table(results: HttpResults) -> str:
    head = (
        "Twofold",
        "connections",
        "orders/s",
        "of bare",
        "until handled",
        "of bare",
        "until projected",
        "p50 ms",
        "p99 ms",
        "CPU us",
        "client's CPU us",
        "peak MB",
    )
    rows = [head]
    for (way, connections), pairs in results.by_cell().items():
        runs = [pair.twofold for pair in pairs]
        rows.append((way, f"{connections}", *_rates(pairs), *_common(runs)))
    return aligned(rows)


def _rates(pairs: Sequence[HttpPair]) -> tuple[str, str, str, str, str]:
    runs = [pair.twofold for pair in pairs]
    return (
        f"{median(run.answered_rate for run in runs):,.0f}",
        with_spread([pair.answered_ratio for pair in pairs]),
        f"{median(run.handled_rate for run in runs):,.0f}",
        with_spread([pair.handled_ratio for pair in pairs]),
        f"{median(run.projected_rate for run in runs):,.0f}",
    )


def _common(runs: Sequence[PartyRun]) -> tuple[str, str, str, str, str]:
    return (
        f"{median(run.client.latencies.p50 for run in runs) / 1e3:.2f}",
        f"{median(run.client.latencies.p99 for run in runs) / 1e3:.2f}",
        f"{median(run.server.cpu_seconds / run.server.orders for run in runs) * 1e6:.1f}",
        f"{median(run.client.cpu_seconds / run.client.orders for run in runs) * 1e6:.1f}",
        f"{max(run.server.peak_bytes for run in runs) / MEGABYTE:.0f}",
    )
