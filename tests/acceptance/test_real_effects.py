"""Six months of a real shop, killed twenty times: every e-mail and purge happens, twice only where that was unknown."""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twofold.stores.lock import lock_holder

from tests.acceptance.drivers import check_settled
from tests.acceptance.effects_seen import (
    check_each_effect_is_done,
    effect_rows,
    entered,
    letters,
    mail_ids,
    mails_sent,
    purges,
    wanted,
)
from tests.acceptance.invariants import Answers, read_position
from tests.acceptance.published_figures import check_figures, check_summary
from tests.doubles.command_line import CommandLine, Finished, Running

MOMENTS = ["commands"] * 8 + ["effects"] * 6 + ["tail"] * 6


class Kill(NamedTuple):
    """When a process is killed: so many seconds after it has brought something on by so much."""

    moment: str
    """``commands``: the log grew; ``effects``: mails went out; ``tail``: the same, with all that there is entered."""
    growth: int
    """Bytes, or mails."""
    seconds: float


def planned(random_: random.Random, whole: int) -> Iterator[Kill]:
    """Yield the kills of a run that ends with about `whole` bytes in the log; the first ones leave most of it."""
    for moment in MOMENTS:
        most = whole // 50 if moment == "commands" else 100
        yield Kill(moment, random_.randrange(1, most), random_.uniform(0, 0.2))


class Sending:
    """One file that is sent until the end, over any number of kills."""

    def __init__(self, shop: CommandLine, commands: Path, events: int) -> None:
        self._shop, self._commands, self._events = shop, commands, events
        self.unknown: set[tuple[str, int]] = set()
        """Each effect and the number of an attempt at it that a kill left without a known end; a later kill that finds
        the same one, because it was not made anew yet, leaves nothing more unknown."""

    def is_killed(self, kill: Kill) -> bool:
        """Send from the beginning until the kill, and tell whether there was still something to be killed."""
        print(kill)  # noqa: T201 shown where the test fails
        data, log, sent = self._shop.data, self._shop.log_bytes(), mails_sent(self._shop.data)
        process = self._start()
        process.until(lambda: lock_holder(data) == process.pid)

        def has_come() -> bool:
            if kill.moment == "commands":
                return self._shop.log_bytes() >= log + kill.growth
            is_late = kill.moment == "effects" or entered(data) == self._events
            return is_late and mails_sent(data) >= sent + kill.growth

        process.until(lambda: has_come() or process.ends_within(0))
        had_ended = process.ends_within(kill.seconds)
        process.signal(signal.SIGKILL)
        killed = process.finished()
        assert had_ended or killed.code == -signal.SIGKILL, killed
        self._look_at_what_is_left()
        return not had_ended

    def ends(self) -> Finished:
        """Send from the beginning until the process ends by itself, with all effects done."""
        ended = self._start().finished(300)
        assert ended.code == 0, ended
        return ended

    def _start(self) -> Running:
        return self._shop.start("send", self._commands, "--wait", "projected", "--settle", "--json")

    def _look_at_what_is_left(self) -> None:
        rows = effect_rows(self._shop.data)
        begun = {row.effect_id for row in rows if row.attempts}
        assert mail_ids(self._shop.data) <= begun, "a mail went out before its attempt was recorded"
        purged = {effect for _, effect in purges(self._shop.data)[0]}
        assert purged <= begun, "a purge did"
        newest = max((row.position for row in rows if row.effect_id in purged), default=0)
        assert newest <= read_position(self._shop.data), "a page was dropped before its new price could be read"
        self.unknown |= {(row.effect_id, row.attempts) for row in rows if row.state == "sending"}

    def check_none_is_doubled_but_for_the_unknown(self) -> None:
        """Assert that each effect was tried once, and once more for each kill that left its end unknown."""
        rows = effect_rows(self._shop.data)
        tries = {row.effect_id: row.attempts for row in rows}
        unknown = Counter(effect for effect, _ in self.unknown)
        assert tries == {effect: 1 + unknown[effect] for effect in tries}
        calls, _ = purges(self._shop.data)
        for (kind, effect), count in calls.items():
            assert count <= tries[effect], f"{effect} was {count} times in a call of {kind}"
        repeated = Counter({row.consumer: 0 for row in rows})
        for row in rows:
            repeated[row.consumer] += row.attempts - 1
        twice = sum(count > 1 for count in calls.values())
        print(f"attempts made again: {dict(repeated)}; parts of purges made again: {twice}")  # noqa: T201 a figure


@pytest.mark.timeout(600)
def test_twenty_kills_lose_no_effect_of_the_real_shop_and_double_only_what_was_being_sent(
    shop: CommandLine, folder: Path, real_commands: Path, figures: dict[str, Any]
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1 << 32))
    print(f"KILL_SEED={seed}")  # noqa: T201 a failed run is repeated with it
    events = sum(figures[each] for each in ("orders_placed", "returns", "repricings"))
    sending = Sending(shop, real_commands, events)
    kills = planned(random.Random(seed), real_commands.stat().st_size)
    landed = Counter(kill.moment for kill in kills if sending.is_killed(kill))
    assert (landed["commands"], landed["effects"]) == (8, 6), "the tail alone may be over before it is hit"
    assert sending.unknown, "no kill met an attempt, so nothing was shown"

    last = sending.ends()
    check_summary(last.answer, figures)
    check_figures(shop, figures)
    check_each_effect_is_done(shop.data)
    sending.check_none_is_doubled_but_for_the_unknown()
    mails, pages = wanted(real_commands)
    assert mails.total() == figures["confirmations"] + figures["refund_notices"]
    assert Counter(letters(shop.data)) == mails
    assert len(pages) == figures["products"]
    assert purges(shop.data)[1] == pages
    check_settled(shop, Answers({}, set()), folder / "copy")

    before = effect_rows(shop.data), outbox(shop)
    again = sending.ends()
    assert again.answer["repeated"] == again.answer["accepted"] == events
    assert (effect_rows(shop.data), outbox(shop)) == before, "the same file, sent once more, had effects"


def outbox(shop: CommandLine) -> dict[str, tuple[int, int]]:
    """Return which version of each file lies in the outbox."""
    files = {file.name: file.stat() for file in (shop.data / "outbox").iterdir()}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in files.items()}
