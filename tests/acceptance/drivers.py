"""Starting the driver, and going through a data folder once everything has ended."""

import sys
from pathlib import Path

from tests.acceptance import driver
from tests.acceptance.invariants import (
    Answers,
    check_invariants,
    check_states_fold,
    copy_of_write_side,
    effects_done,
    read_db_file,
    rows_of,
)
from tests.doubles.command_line import CommandLine, Running

__all__ = ["check_settled", "check_verified", "start_driver"]


def start_driver(shop: CommandLine, commands: Path, ledger: Path, *options: str) -> Running:
    """Start a process that embeds Twofold and submits `commands`, with its ledger outside the data folder."""
    return shop.start_program(sys.executable, Path(driver.__file__), shop.data, commands, ledger, *options)


def check_settled(shop: CommandLine, answers: Answers, copy: Path) -> None:
    """Assert the invariants, all of I5 included, of a folder whose process has stopped in order."""
    check_invariants(shop.data, answers)
    check_states_fold(shop.data)
    status = shop.run("status", "--json").answer
    assert status["log_end"] == status["handled"]
    assert status["head"] == status["projected"]
    done = effects_done(shop.data)
    rebuilt = CommandLine(copy_of_write_side(shop.data, copy))
    assert rebuilt.run("send", "-", "--settle", "--json").code == 0
    assert rows_of(read_db_file(copy)) == rows_of(read_db_file(shop.data)), "I5: the read database is not its rebuild"
    sent_again = {file.stem for file in (copy / "outbox").glob("*.eml")} & done
    assert not sent_again, "I6: a read database that was filled anew sent mails again"
    check_verified(shop)


def check_verified(shop: CommandLine) -> None:
    """Assert that Twofold itself finds no fault in the folder."""
    verified = shop.run("verify", "--json")
    assert (verified.code, verified.answer["faults"]) == (0, []), verified
