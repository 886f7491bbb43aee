"""`kill -9` at twenty random moments of one growing run over the real invoices."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twofold.stores.lock import lock_holder

from tests.acceptance.drivers import check_settled, start_driver
from tests.acceptance.invariants import Answers, check_invariants
from tests.acceptance.published_figures import check_figures, check_summary
from tests.doubles.command_line import CommandLine

WAYS = 3 * [("start", "send")] + 7 * [("work", "send")] + 3 * [("stop", "send")]
WAYS += 1 * [("start", "driver")] + 6 * [("work", "driver")]
"""The moment and the program of each kill: as many of each kind in every run, so that none of them shows less."""


class Kill(NamedTuple):
    """When a process is killed, and which one."""

    moment: str
    """``start``: so many seconds after it took the data folder; ``work``: so many after the log had grown to a size and
    a driver had got an answer; ``stop``: so many after it was asked to stop at that size."""
    log_bytes: int
    seconds: float
    program: str


def planned(random_: random.Random, whole: int) -> Iterator[Kill]:
    """Yield the kills of the first half of a run that ends with about `whole` bytes in the log, as it grows.

    The second half would show nothing new, and each kill sends everything before it again.
    """
    sizes = sorted(random_.randrange(whole // 2) for _ in WAYS)
    for log_bytes, (moment, program) in zip(sizes, random_.sample(WAYS, len(WAYS)), strict=True):
        yield Kill(moment, log_bytes, random_.uniform(0, 0.3), program)


@pytest.mark.timeout(400)
def test_twenty_kills_at_random_moments_lose_nothing_and_double_nothing(
    shop: CommandLine, folder: Path, real_commands: Path, figures: dict[str, Any]
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1 << 32))
    print(f"KILL_SEED={seed}")  # noqa: T201 a failed run is repeated with it
    ledger = folder / "ledger"
    landed = [
        carry_out(kill, shop, ledger, real_commands)
        for kill in planned(random.Random(seed), real_commands.stat().st_size)
    ]
    assert landed.count(True) > len(WAYS) * 3 // 4, "most kills must hit a process that was still at work"

    last = shop.run("send", real_commands, "--wait", "projected", "--json")
    assert last.code == 0
    check_summary(last.answer, figures)
    check_figures(shop, figures)
    answers = Answers.of(ledger)
    assert answers.accepted, "no driver got an answer, so nothing was shown"
    check_settled(shop, answers, folder / "copy")


def carry_out(kill: Kill, shop: CommandLine, ledger: Path, commands: Path) -> bool:
    """Send from the beginning until the kill, look at what it left, and tell whether the process was still there."""
    print(kill)  # noqa: T201 shown where the test fails
    noted = size_of(ledger)
    if kill.program == "send":
        process = shop.start("send", commands, "--wait", "projected", "--json")
    else:
        process = start_driver(shop, commands, ledger, "--tasks", "600")
    process.until(lambda: lock_holder(shop.data) == process.pid)
    if kill.moment != "start":
        process.until(lambda: shop.log_bytes() >= kill.log_bytes)
    if (kill.moment, kill.program) == ("work", "driver"):
        process.until(lambda: size_of(ledger) > noted)
    if kill.moment == "stop":
        process.signal(signal.SIGTERM)
    had_ended = process.ends_within(kill.seconds)
    process.signal(signal.SIGKILL)
    finished = process.finished()
    assert finished.code in (-signal.SIGKILL, 130), finished
    check_invariants(shop.data, Answers.of(ledger))
    return not had_ended


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
