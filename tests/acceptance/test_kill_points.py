"""`kill -9` at each place where one thing is durable and the next is not."""

import signal
from pathlib import Path

import pytest

from tests.acceptance.drivers import check_settled, start_driver
from tests.acceptance.invariants import Answers, check_invariants, read_position
from tests.acceptance.shop_commands import write_shop_commands
from tests.doubles.command_line import CommandLine

COMMANDS = 1_200

POINTS = {
    "before a batch is appended": ("append.before", 3),
    "with half a batch in the file": ("append.within", 4),
    "between the write of a batch and its sync": ("write.after", 4),
    "between the sync of a batch and its answers": ("sync.after", 5),
    "between the first append and its handling": ("append.after", 1),
    "between an append and its handling": ("append.after", 3),
    "before a commit": ("commit.before", 2),
    "inside the first commit": ("commit.within", 1),
    "inside a commit": ("commit.within", 3),
    "between the first commit and its projection": ("commit.after", 1),
    "between a commit and its projection": ("commit.after", 3),
    "before the read database takes events": ("apply.before", 2),
    "while the read database takes events": ("apply.within", 2),
    "after the read database took events": ("apply.after", 2),
    "before the first name comes into its place": ("rename.before", 1),
    "after the first name came into its place": ("rename.after", 1),
    "while the log goes on in a new segment": ("rename.before", 4),
    "after the log has a new segment": ("rename.after", 4),
    "before the log is sealed": ("log_close.before", 1),
    "after the log is sealed": ("log_close.after", 1),
}


@pytest.fixture(scope="module")
def commands(disk: Path) -> Path:
    return write_shop_commands(disk / "few.ndjson", COMMANDS)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("point", "count"), POINTS.values(), ids=POINTS.keys())
def test_a_kill_loses_nothing_and_doubles_nothing(
    shop: CommandLine, folder: Path, commands: Path, point: str, count: int
) -> None:
    ledger = folder / "ledger"
    killed = start_driver(shop, commands, ledger, "--die", point, str(count)).finished()
    assert killed.code == -signal.SIGKILL, killed
    check_invariants(shop.data, Answers.of(ledger))
    answered = len(Answers.of(ledger).accepted)

    again = start_driver(shop, commands, ledger).finished()
    assert again.code == 0, again
    answers = Answers.of(ledger)
    assert len(answers.accepted) + len(answers.refused) == COMMANDS
    assert sum(len(told) > 1 for told in answers.accepted.values()) == answered, "each one resent was answered again"
    check_settled(shop, answers, folder / "copy")


@pytest.mark.timeout(120)
def test_a_process_that_is_killed_again_and_again_at_the_same_place_comes_through(
    shop: CommandLine, folder: Path, commands: Path
) -> None:
    ledger = folder / "ledger"
    positions = []
    for _ in range(4):
        killed = start_driver(shop, commands, ledger, "--die", "commit.after", "2").finished()
        assert killed.code == -signal.SIGKILL, killed
        check_invariants(shop.data, Answers.of(ledger))
        positions.append(read_position(shop.data))
    assert positions == sorted(positions), "the read database went back"
    assert start_driver(shop, commands, ledger).finished().code == 0
    check_settled(shop, Answers.of(ledger), folder / "copy")
