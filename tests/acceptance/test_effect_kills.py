"""`kill -9` between an event's commit and the end of its effects: each happens, twice only where that is unknown."""

import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from twofold.stores.effect_records import effect_id
from twofold.stores.lock import lock_holder

from tests.acceptance import effect_driver
from tests.acceptance.effect_driver import CONSUMERS
from tests.acceptance.invariants import has_tables, read_db_file, read_only, read_position
from tests.doubles.command_line import CommandLine, Finished, Running

EVENTS = 40
KILLS = 8

POINTS = {
    "between a consumer's place in the ledger and its registration": ("open_consumer.after", 2),
    "between the registration of one consumer and the next one's place": ("open_consumer.before", 2),
    "between the first commit and its effects": ("commit.after", 1),
    "before effects are entered": ("record.before", 1),
    "while effects are entered": ("record.within", 2),
    "after effects were entered": ("record.after", 1),
    "after later effects were entered": ("record.after", 5),
    "before an attempt is recorded": ("begin.before", 3),
    "between the record of an attempt and the attempt": ("begin.after", 3),
    "before a delivery": ("deliver.before", 7),
    "after a delivery": ("deliver.after", 7),
    "between a delivery and its end in the ledger": ("conclude.before", 9),
    "after the end of an attempt": ("conclude.after", 9),
    "after the end of a late attempt": ("conclude.after", 13),
}


class Outside:
    """What the world saw of the effects of one data folder, and what the kills left unknown."""

    def __init__(self, shop: CommandLine, folder: Path) -> None:
        self._shop = shop
        self._deliveries = folder / "deliveries"
        self._unknown: set[str] = set()

    def start(self, events: int, *options: str) -> Running:
        program = Path(effect_driver.__file__)
        return self._shop.start_program(
            sys.executable, program, self._shop.data, self._deliveries, str(events), *options
        )

    def check_killed(self, killed: Finished) -> None:
        """Assert what must hold whatever has been killed, and note which attempts have no known end."""
        assert killed.code == -signal.SIGKILL, killed
        if not has_tables(self._shop.data / "effects.db"):
            return
        with closing(read_only(self._shop.data / "effects.db")) as ledger:
            for consumer, cursor in ledger.execute("SELECT name, cursor FROM consumers").fetchall():
                rows = ledger.execute("SELECT position FROM effects WHERE consumer = ? ORDER BY position", (consumer,))
                assert [row[0] for row in rows] == list(range(1, cursor + 1)), f"{consumer} skipped or doubled one"
            self._unknown |= {row[0] for row in ledger.execute("SELECT effect_id FROM effects WHERE state = 'sending'")}
            begun = {row[0] for row in ledger.execute("SELECT effect_id FROM effects WHERE attempts > 0")}
        assert set(self._calls()) <= begun, "an attempt was made before it was recorded"

    def check_settled(self, events: int) -> None:
        """Assert that each effect happened, and twice only where a kill had left its end unknown (I6)."""
        with closing(read_only(self._shop.data / "effects.db")) as ledger:
            rows = ledger.execute("SELECT consumer, position, ordinal, effect_id, state FROM effects").fetchall()
        with closing(read_only(self._shop.data / "write.db")) as write_db:
            hashes = dict(write_db.execute("SELECT position, hash FROM events").fetchall())
        expected = [
            (consumer, position, 0, effect_id(consumer, position, hashes[position], 0), "done")
            for consumer in CONSUMERS
            for position in range(1, events + 1)
        ]
        assert sorted(rows) == sorted(expected)
        ids = {name: {row[3] for row in rows if row[0] == name} for name in CONSUMERS}
        calls, purges = self._calls(), self.purges()
        assert (set(calls), set(purges), self.mails()) == (ids["calls"], ids["pages"], ids["mails"])
        twice = {each for each, count in (calls + purges).items() if count > 1}
        assert twice <= self._unknown, "one that had its end was made again"

    def _calls(self) -> Counter[str]:
        return Counter(self._deliveries.read_text().split()) if self._deliveries.exists() else Counter()

    def purges(self) -> Counter[str]:
        lines = (self._shop.data / "outbox" / "purges.jsonl").read_text().splitlines()
        return Counter(effect for line in lines for effect in json.loads(line)["effects"])

    def mails(self) -> set[str]:
        return {file.stem for file in (self._shop.data / "outbox").glob("*.eml")}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("point", "count"), POINTS.values(), ids=POINTS.keys())
def test_a_kill_loses_no_effect_and_doubles_only_what_was_being_sent(
    shop: CommandLine, folder: Path, point: str, count: int
) -> None:
    outside = Outside(shop, folder)
    outside.check_killed(outside.start(EVENTS, "--die", point, str(count)).finished())
    again = outside.start(EVENTS).finished()
    assert again.code == 0, again
    outside.check_settled(EVENTS)


@pytest.mark.timeout(120)
def test_kills_at_random_moments_lose_no_effect_and_double_only_what_was_being_sent(
    shop: CommandLine, folder: Path
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1 << 32))
    print(f"KILL_SEED={seed}")  # noqa: T201 a failed run is repeated with it
    random_ = random.Random(seed)
    outside, landed = Outside(shop, folder), 0
    for number in range(1, KILLS + 1):
        process = outside.start(EVENTS * number)
        process.until(lambda process=process: lock_holder(shop.data) == process.pid)  # type: ignore[misc]
        if process.ends_within(random_.uniform(0, 0.15)):
            continue
        process.signal(signal.SIGKILL)
        outside.check_killed(process.finished())
        landed += 1
    assert landed > KILLS // 2, "most kills must hit a process that was still at work"
    last = outside.start(EVENTS * KILLS).finished()
    assert last.code == 0, last
    outside.check_settled(EVENTS * KILLS)


@pytest.mark.timeout(60)
def test_a_page_is_not_dropped_while_something_holds_up_the_read_database(shop: CommandLine, folder: Path) -> None:
    outside = Outside(shop, folder)
    assert outside.start(10).finished().code == 0
    with closing(sqlite3.connect(read_db_file(shop.data), isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        process = outside.start(EVENTS)
        process.until(lambda: len(outside.mails()) == EVENTS)
        process.signal(signal.SIGKILL)
        outside.check_killed(process.finished())
        assert (read_position(shop.data), len(outside.purges())) == (10, 10)
    assert outside.start(EVENTS).finished().code == 0
    outside.check_settled(EVENTS)
