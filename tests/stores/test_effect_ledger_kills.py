"""An effect ledger whose process is killed: whole steps are left, and all that were acknowledged."""

import signal
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import anyio
import pytest
from twofold.stores.effect_records import EffectState
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger

from tests.doubles.effects_file import states
from tests.doubles.ledger import ask

pytestmark = pytest.mark.anyio

KILLED_AT_A_STATEMENT = """
import os, signal, sys
from pathlib import Path
import anyio
sys.path.insert(0, sys.argv[2])
from tests.doubles.effects_file import NOW, effects_after, enter, open_with_mail
from twofold.stores.effect_records import Conclusion

step, statement = sys.argv[3], int(sys.argv[4])
left = statement

def kill_when_due(sql):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    ledger = await open_with_mail(Path(sys.argv[1]))
    ids = await enter(ledger, 40)
    if step == "conclude":
        await ledger.begin(ids, NOW)
    await ledger._database.write(lambda connection: connection.set_trace_callback(kill_when_due))
    if step == "record":
        await ledger.record("mail", effects_after(40, 40), expected=40, position=80)
    if step == "begin":
        await ledger.begin(ids, NOW)
    if step == "conclude":
        await ledger.conclude([Conclusion(each, "done") for each in ids], NOW)
    os.kill(os.getpid(), signal.SIGTERM if statement else signal.SIGKILL)

anyio.run(main)
"""
AS_IF_NEVER = {"record": ["pending"] * 40, "begin": ["pending"] * 40, "conclude": ["sending"] * 40}
AS_IF_WHOLE = {"record": ["pending"] * 80, "begin": ["sending"] * 40, "conclude": ["done"] * 40}
STATEMENTS = {"record": 5, "begin": 4, "conclude": 5}
"""Forty rows are written by two statements; each transaction has two of its own, and a look at what is there."""


@pytest.mark.parametrize(
    ("step", "statement"), [(step, n) for step, count in STATEMENTS.items() for n in range(1, count + 1)]
)
async def test_a_kill_at_any_statement_leaves_nothing_of_the_step(file: Path, step: str, statement: int) -> None:
    ended = await run_killed(file, step, statement)
    assert ended == -signal.SIGKILL
    ledger = await SqliteEffectLedger.open(file)
    assert await states(ledger) == AS_IF_NEVER[step]
    assert (await ledger.consumers())["mail"].cursor == 40
    await ledger.close()
    assert ask(file, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("step", STATEMENTS)
async def test_a_kill_right_after_a_step_leaves_all_of_it(file: Path, step: str) -> None:
    assert await run_killed(file, step, statement=0) == -signal.SIGKILL
    ledger = await SqliteEffectLedger.open(file)
    assert await states(ledger) == AS_IF_WHOLE[step]
    assert (await ledger.consumers())["mail"].cursor == len(AS_IF_WHOLE[step])
    await ledger.close()


async def run_killed(file: Path, step: str, statement: int) -> int:
    arguments = [sys.executable, "-c", KILLED_AT_A_STATEMENT, str(file), str(Path(__file__).parents[2]), step]
    with anyio.fail_after(30):
        return (await anyio.run_process([*arguments, str(statement)], check=False)).returncode


KILLED_UNDER_LOAD = """
import sys
from pathlib import Path
import anyio
sys.path.insert(0, sys.argv[2])
from tests.doubles.effects_file import NOW, enter, open_with_mail
from twofold.stores.effect_records import Conclusion

async def main():
    ledger = await open_with_mail(Path(sys.argv[1]))
    while True:
        ids = await enter(ledger, 50)
        print("pending", flush=True)
        await ledger.begin(ids, NOW)
        print("sending", flush=True)
        await ledger.conclude([Conclusion(each, "done") for each in ids], NOW)
        print("done", flush=True)

anyio.run(main)
"""
PROGRESS: list[EffectState] = ["pending", "sending", "done"]


@pytest.mark.parametrize("steps", [1, 8, 24, 61])
async def test_after_a_kill_under_load_there_are_whole_steps_and_all_that_were_acknowledged(
    file: Path, steps: int
) -> None:
    arguments = [sys.executable, "-c", KILLED_UNDER_LOAD, str(file), str(Path(__file__).parents[2])]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 - nothing else is on the loop
        assert process.stdout is not None
        for _ in range(steps):
            process.stdout.readline()
        process.kill()
    ledger = await SqliteEffectLedger.open(file)
    kept = await ledger.search(limit=1_000_000)
    assert [each.position for each in kept] == list(range(1, (await ledger.consumers())["mail"].cursor + 1))
    rounds = [{each.state for each in group} for _, group in groupby(kept, key=lambda x: (x.position - 1) // 50)]
    assert all(len(each) == 1 for each in rounds), rounds
    assert all(each == {"done"} for each in rounds[:-1])
    assert len(kept) % 50 == 0
    (last,) = rounds[-1]
    assert (len(rounds) - 1) * 3 + PROGRESS.index(last) + 1 >= steps
    await ledger.close()
    assert ask(file, "PRAGMA integrity_check") == [("ok",)]
