"""What a fixed script of commands costs, in counts that no machine's speed changes.

A figure here is today's: a change that lowers one writes the new one down, a change that raises one says why. To see
in which stage of a command's way the time goes: `python -m benchmarks.stages`.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.measuring import in_own_process
from tests.speed.counted_runs import BATCH, BATCHES, COMMANDS, count_calls, count_effects, count_work

pytestmark = pytest.mark.timeout(120)

# A commit of write.db or effects.db is one sync of its write-ahead log (`synchronous=FULL`); one of the read database
# is none. A hop is work handed to a thread, and back: 50 to 400 us each.
WORK = {
    "log: writes": BATCHES,
    "log: bytes": 319_825,
    "log: file syncs": BATCHES,
    "files: hops": BATCHES,
    "write.db: transactions": BATCHES,
    "write.db: statements": 143,
    "write.db: rows": 3_003,
    "write.db: write hops": BATCHES,
    "write.db: read hops": BATCHES,  # for the states of streams that the handler does not have in its cache
    "read: transactions": BATCHES,
    "read: statements": 1_508,  # one for each row that a projection's statement is run with, which the shop decides
    "read: rows": 4_768,
    "read: write hops": BATCHES,
}
MOST = {
    "tasks": BATCHES,  # none for a command
    "futures": COMMANDS + 12 * BATCHES,
    "write.db: bytes ahead": 1_630_000,
    "read: bytes ahead": 1_070_000,
}
"""The most of what is up to versions: of anyio how it waits, of SQLite how full the pages of a write-ahead log are."""

MAILS, CALLS, CONSUMERS = 11, 2, 3
"""What the shop makes of the batch that is counted: e-mails, calls of the CDN for all of its purges, and of whom."""

EFFECTS = {
    "log: file syncs": 1,
    "write.db: transactions": 1,
    "read: transactions": 1,
    "effects.db: transactions": 3 * CONSUMERS,  # all that comes together is entered, begun and concluded together
    "effects.db: statements": 49,
    "effects.db: rows": 297,
    "effects.db: read hops": CONSUMERS,  # for what is to be sent
    "outbox: file syncs": MAILS + CALLS,
}
SHARED = {
    "effects.db: bytes ahead": 360_000,
    "outbox: folder syncs": 4,  # one for all mails that wait; how many do is up to the threads: 2 as a rule
    "files: hops": 1 + CALLS + 4,
    "tasks": 25,
}
"""The most of what depends on versions, and on how effects meet."""

CALLS_PER_COMMAND = 73.0
"""The most calls of functions in `actors/` and `stores/`, each going on of a coroutine or generator included.

It is 71.9 today: one of them for the turn of a command among many, two to note that somebody waits for it. Later
Pythons call fewer, for they run comprehensions in place."""


def changed(expected: Mapping[str, int], counted: Mapping[str, int]) -> list[str]:
    """Return a line for each count that is another one than was expected."""
    names = [*expected, *(name for name in counted if name not in expected)]
    return [
        f"{name}: {expected.get(name, 0):,} expected, {counted.get(name, 0):,} counted"
        for name in names
        if expected.get(name, 0) != counted.get(name, 0)
    ]


def grown(most: Mapping[str, int], counted: Mapping[str, int]) -> list[str]:
    """Return a line for each count that is more than it may be."""
    return [
        f"{name}: at most {limit:,} expected, {counted.get(name, 0):,} counted"
        for name, limit in most.items()
        if counted.get(name, 0) > limit
    ]


def without(counted: Mapping[str, int], names: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counted.items() if name not in names}


def test_a_batch_takes_one_sync_of_the_log_one_commit_of_each_database_and_four_hops(tmp_path: Path) -> None:
    counted = in_own_process(count_work, tmp_path / "data", sender_ids=False)
    drift = changed(WORK, without(counted, MOST)) + grown(MOST, counted)
    assert not drift, f"{BATCHES} batches of {BATCH} commands:\n" + "\n".join(drift)


def test_ids_of_the_senders_cost_one_lookup_a_batch(tmp_path: Path) -> None:
    counted = in_own_process(count_work, tmp_path / "data", sender_ids=True)
    looked_up = {
        "write.db: read hops": 2 * BATCHES,
        "write.db: statements": WORK["write.db: statements"] + BATCHES,
        "log: bytes": 301_740,  # these ids are shorter
    }
    most = MOST | {"futures": MOST["futures"] + BATCHES}
    drift = changed(WORK | looked_up, without(counted, most)) + grown(most, counted)
    assert not drift, f"{BATCHES} batches of {BATCH} commands with ids of their senders:\n" + "\n".join(drift)


def test_effects_that_come_together_share_their_commits_and_each_mail_is_synced_once(tmp_path: Path) -> None:
    counted = in_own_process(count_effects, tmp_path / "data")
    exact = {name: counted[name] for name in EFFECTS}
    drift = changed(EFFECTS, exact) + grown(SHARED, counted)
    assert not drift, f"a batch of {BATCH} commands with {MAILS} mails and {CALLS} calls:\n" + "\n".join(drift)


def test_a_command_takes_no_more_calls_of_functions_than_before(tmp_path: Path) -> None:
    calls = in_own_process(count_calls, tmp_path / "data")
    each = sum(calls.values()) / COMMANDS
    most = sorted(calls, key=calls.__getitem__, reverse=True)[:40]
    listed = "\n".join(f"{calls[name] / COMMANDS:7.3f}  {name}" for name in most)
    assert each <= CALLS_PER_COMMAND, f"{each:.1f} calls a command, {CALLS_PER_COMMAND} at most; most of all:\n{listed}"


def test_a_drift_is_told_from_what_to_what() -> None:
    assert changed({"syncs": 1, "hops": 4}, {"syncs": 2, "hops": 4, "tasks": 1}) == [
        "syncs: 1 expected, 2 counted",
        "tasks: 0 expected, 1 counted",
    ]
    assert grown({"bytes": 10, "commits": 3}, {"bytes": 11, "commits": 3}) == ["bytes: at most 10 expected, 11 counted"]
