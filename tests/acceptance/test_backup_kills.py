"""`kill -9` in the middle of a backup: no half of one passes for a backup, and nothing is in the way of the next."""

import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
from twofold.runtime.backup import PARTIAL

from tests.acceptance.drivers import check_verified
from tests.acceptance.invariants import Answers, check_invariants
from tests.doubles.command_line import CommandLine, Running

PARTS = ["the read database", "the effect ledger", "the write database", "the log"]


@pytest.mark.timeout(200)
def test_a_backup_killed_in_any_of_its_parts_beside_a_busy_process_is_no_backup_and_the_next_is_whole(
    shop: CommandLine, folder: Path, made_up_commands: Path
) -> None:
    target = folder / "backup"
    half = target.with_name(target.name + PARTIAL)
    busy = shop.start("send", made_up_commands, "--wait", "projected", "--json")
    busy.until(lambda: shop.log_bytes() > 200_000)
    halves = 0
    for part in PARTS:
        backup = shop.start("backup", target)
        backup.until(partial(tells, backup, f"copying {part}"))
        backup.signal(signal.SIGKILL)
        killed = backup.finished().code == -signal.SIGKILL
        if target.exists():  # the last part may be over before the kill comes
            check_verified(CommandLine(target))
            shutil.rmtree(target)
        else:
            assert killed
            halves += half.exists()
    assert halves > 0, "at least one kill must have come in the middle"

    made = shop.run("backup", target, "--json")
    assert made.code == 0, made
    assert not half.exists(), "what a kill left is not kept"
    check_verified(CommandLine(target))
    assert busy.finished().code == 0, "the process beside it noticed nothing"
    check_invariants(shop.data, Answers({}, set()))
    rest = CommandLine(target).run("send", made_up_commands, "--wait", "projected", "--json")
    assert (rest.code, rest.err) == (0, "")
    assert rest.answer["repeated"] >= made.answer["log_end"], "what was in the backup is not done twice"
    check_invariants(target, Answers({}, set()))


def tells(running: Running, text: str) -> bool:
    """Whether a process has told `text` by now."""
    return text in running.err
