"""The peers as a person reads them: who does what of the work, how fast, and how Twofold compares."""

from statistics import median

from benchmarks.columns import aligned, with_spread
from benchmarks.goals import goal_table

from .catalogue import TWOFOLD
from .peer import Does
from .rounds import PeerSettings, Results, reached

__all__ = ["report"]


def report(settings: PeerSettings, results: Results) -> str:
    """Return all tables of a run."""
    loads = results.load_averages
    head = [
        f"{settings.commands:,} shop commands, seed {settings.seed}, effects off, ids from the senders",
        f"a single client has the first {settings.commands_alone:,} of them; a peer stops after {settings.seconds:g} s",
        f"{settings.rounds} round{'s' * (settings.rounds > 1)}; figures are medians over them",
        results.machine.described(),
        f"The load average was {min(loads):.1f} to {max(loads):.1f} before Twofold's runs.",
    ]
    parts = ["\n".join(head), _speed(results), _work(results), _tuning(results), goal_table(list(reached(results)))]
    parts.append("\n".join(f"skipped: {name}; {why}" for name, why in results.skipped))
    parts.append("\n".join(f"failed in round {number}: {who}; {why}" for number, who, why in results.failed))
    return "\n\n".join(part for part in parts if part)


def _speed(results: Results) -> str:
    rows = [("party", "stage", "clients", "commands/s", "p50 ms", "p99 ms", "Twofold over it")]
    for (tasks, stage), runs in results.loads().items():
        rate = median(run.commands / run.seconds for run in runs)
        waits = [run.latencies for run in runs]
        rows.append(("Twofold", stage, *_figures(tasks, rate, [(one.p50, one.p99) for one in waits]), ""))
    for peer in results.peers:
        for tasks in peer.tasks:
            found = results.compared(peer, tasks)
            if not found.runs:
                continue
            rate = median(run.commands / run.seconds for run in found.runs)
            waits = [run.latencies for run in found.runs]
            ratio = with_spread(found.ratios) if peer.is_durable else "not as durable"
            rows.append((peer.name, peer.stage, *_figures(tasks, rate, [(one.p50, one.p99) for one in waits]), ratio))
    return aligned(rows, numbers_from=2)


def _figures(tasks: int, rate: float, waits: list[tuple[float, float]]) -> tuple[str, str, str, str]:
    p50, p99 = (median(column) / 1e3 for column in zip(*waits, strict=True))
    return f"{tasks:,}", f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}"


def _work(results: Results) -> str:
    head = ("party", "validates", "logs", "decides", "events", "read model", "resend", "durability")
    rows = [head, ("Twofold", *_answers(TWOFOLD), "fdatasync; SQLite, WAL, FULL")]
    rows += [(peer.name, *_answers(peer.does), peer.durability) for peer in results.peers]
    return aligned(rows, numbers_from=len(head))


def _tuning(results: Results) -> str:
    rows = [
        ("party", "tuning"),
        ("Twofold", "none: as it comes"),
        *((peer.name, peer.tuning) for peer in results.peers),
    ]
    return aligned(rows, numbers_from=2)


def _answers(does: Does) -> tuple[str, ...]:
    answers = does.validates, does.logs, does.decides, does.stores_events, does.reads, does.resends
    return tuple("yes" if answer else "no" for answer in answers)
