"""`verify` beside a process that runs, and after one that was killed."""

import shutil
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from twofold import Runtime
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.verification import verify

from tests.doubles.accounts import Deposit, OpenAccount
from tests.doubles.ledger import ACCOUNTS, DEPOSITS, config_of, generation, ledger_app, verified

pytestmark = pytest.mark.anyio


async def test_a_cancelled_verification_stops(folder: DataFolder) -> None:
    with anyio.CancelScope() as scope:
        await verify(folder, ledger_app().domain(), progress=lambda *_: scope.cancel())
    assert scope.cancelled_caught


async def test_commands_that_wait_are_counted_and_no_fault(folder: DataFolder) -> None:
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        sound = shutil.copytree(folder.log, folder.root / "log-before")
        write = folder.write_db.read_bytes()
        await runtime.submit_many([Deposit("a1", Decimal(1))] * 5, wait="projected")
    assert sound.exists()
    folder.write_db.write_bytes(write)
    report = await verified(folder)
    assert report.checked.unhandled == 5
    assert {fault.where.split(",")[0] for fault in report.faults} == {str(generation(folder))}


async def test_what_a_kill_left_behind_is_sound(folder: DataFolder, tmp_path: Path) -> None:
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        await runtime.submit_many([Deposit("a1", Decimal(1))] * 5, wait="projected")
        killed = DataFolder(shutil.copytree(folder.root, tmp_path / "killed"))
    assert killed.write_db.with_name("write.db-wal").stat().st_size > 0
    report = await verified(killed)
    assert (report.faults, report.checked.events) == ((), ACCOUNTS + DEPOSITS + 1 + 5)


async def test_a_batch_that_a_crash_cut_short_is_a_note(folder: DataFolder, tmp_path: Path) -> None:
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        await runtime.submit(Deposit("a1", Decimal(1)), wait="projected")
        killed = DataFolder(shutil.copytree(folder.root, tmp_path / "killed"))
    with max(killed.log.glob("*.log")).open("ab") as newest:
        newest.write(b"2fB torn")
    report = await verified(killed)
    assert report.is_sound
    assert any("8 bytes behind the last whole batch" in note for note in report.notes)


async def write_without_end(runtime: Runtime, client: int) -> None:
    """Open accounts, pay into them and be refused, batch by batch; streams come up again while they are verified."""
    number = 0
    while True:
        number += 1
        keys = [f"c{client}-{number % 7}-{n}" for n in range(20)]
        commands = [OpenAccount(key, "x", f"{key}@x") for key in keys] if number < 8 else []
        await runtime.submit_many([*commands, *(Deposit(key, Decimal(number)) for key in keys)], wait="handled")


async def test_a_live_writer_makes_no_false_fault(folder: DataFolder) -> None:
    events = [0]
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime, anyio.create_task_group() as tasks:
        for client in range(3):
            tasks.start_soon(write_without_end, runtime, client)
        while events[-1] < 3_000:
            report = await verified(folder)
            assert report.faults == ()
            events.append(report.checked.events)
        tasks.cancel_scope.cancel()
    assert len(set(events)) > 5
