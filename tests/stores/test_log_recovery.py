"""Opening the log after it was killed, cut off, or its storage failed, at any step.

What was acknowledged is there, and of what was not either all or nothing.
"""

import contextlib
import errno
import itertools
from collections.abc import Iterator

import pytest
from twofold.stores.errors import DiskFull, StorageFailed
from twofold.stores.records import CommandRecord

from tests.doubles.disk_log import FOLDER, Contents, DiskLog, command, flat, killed_log, segments_of
from tests.doubles.simulated_disk import SECTOR, PowerCut, SimulatedDisk

pytestmark = pytest.mark.timeout(60)


# A killed process, a power cut


def test_a_log_that_was_killed_is_whole() -> None:
    contents, appended = killed_log()
    log = DiskLog(SimulatedDisk(contents))
    assert log.read_all() == flat(appended)
    assert not log.report.clean


def scenario(log: DiskLog, acknowledged: list[list[CommandRecord]]) -> None:
    for i in range(7):
        batch = [command(f"c{i}-{n}") for n in range(i % 3 + 1)]
        log.append(*batch)
        acknowledged.append(batch)
    log.writer.close()


def steps_of_scenario() -> int:
    disk = SimulatedDisk()
    scenario(DiskLog(disk), [])
    return disk.steps


def states_after(disk: SimulatedDisk) -> Iterator[Contents]:
    yield disk.contents()
    for names_last in (False, True):
        yield disk.after_power_cut(names_last=names_last)
        yield disk.after_power_cut(names_last=names_last, bytes_of=lambda _, written: written)


@pytest.mark.parametrize("step", range(1, steps_of_scenario() + 2))
def test_a_kill_or_a_power_cut_at_any_step_loses_nothing_that_was_acknowledged(step: int) -> None:
    disk = SimulatedDisk()
    disk.stop_at = step
    acknowledged: list[list[CommandRecord]] = []
    with contextlib.suppress(PowerCut):
        scenario(DiskLog(disk), acknowledged)
    for contents in states_after(disk):
        again = SimulatedDisk(contents)
        log = DiskLog(again)
        found = log.read_all()
        assert found[: len(flat(acknowledged))] == flat(acknowledged)
        in_flight = [command(f"c{len(acknowledged)}-{n}") for n in range(len(acknowledged) % 3 + 1)]
        assert found[len(flat(acknowledged)) :] in ([], in_flight)
        log.append(command("next"))
        assert DiskLog(SimulatedDisk(again.contents())).read_all() == [*found, command("next")]


@pytest.mark.parametrize("step", range(1, 25))
def test_a_power_cut_during_recovery_is_recovered_from(step: int) -> None:
    contents, appended = killed_log()
    tail = segments_of(contents)[-1]
    contents[tail] = contents[tail][:-3]
    contents[FOLDER / "00000000000000009999.log.new"] = b"half a header"
    disk = SimulatedDisk(contents)
    disk.stop_at = step
    with contextlib.suppress(PowerCut):
        DiskLog(disk)
    for left in states_after(disk):
        assert DiskLog(SimulatedDisk(left)).read_all() == flat(appended[:-1])


def test_what_an_interrupted_step_left_under_a_temporary_name_is_removed() -> None:
    contents, appended = killed_log()
    left = {FOLDER / "00000000000000009999.log.new": b"half a header", FOLDER / "manifest.new": b""}
    disk = SimulatedDisk(contents | left)
    assert DiskLog(disk).read_all() == flat(appended)
    assert disk.after_power_cut(names_last=False) == contents


def test_sectors_written_in_any_order_never_make_a_wrong_command() -> None:
    disk = SimulatedDisk()
    log = DiskLog(disk, segment_bytes=100_000)
    acknowledged = [[command("before", 900)]]
    log.append(*acknowledged[0])
    tail = segments_of(disk.contents())[-1]
    synced = disk.contents()[tail]
    in_flight = [command("in-flight-1", 900), command("in-flight-2", 900)]
    log.append(*in_flight)
    written = disk.contents()[tail]
    first, last = len(synced) // SECTOR, (len(written) - 1) // SECTOR
    outcomes = set()
    for choice in itertools.product(("old", "zero", "new"), repeat=last - first + 1):
        state = bytearray(written[: first * SECTOR])
        for sector, kept in zip(range(first, last + 1), choice, strict=True):
            start, end = sector * SECTOR, min((sector + 1) * SECTOR, len(written))
            before = synced[start:end].ljust(end - start, b"\0")
            state += {"old": before, "zero": synced[start:end].ljust(end - start, b"\0"), "new": written[start:end]}[
                kept
            ]
        again = DiskLog(SimulatedDisk(disk.contents() | {tail: bytes(state)}))
        found = again.read_all()
        assert found in (acknowledged[0], acknowledged[0] + in_flight)
        outcomes.add(len(found))
    assert outcomes == {1, 3}


def test_a_cut_is_durable_before_a_seal_can_say_so() -> None:
    contents, appended = killed_log()
    contents[segments_of(contents)[-1]] += b"half a batch"
    disk = SimulatedDisk(contents)
    DiskLog(disk).writer.close()
    again = DiskLog(SimulatedDisk(disk.after_power_cut(names_last=False)))
    assert again.report.clean
    assert again.read_all() == flat(appended)


# A write, a sync or a name that fails


@pytest.mark.parametrize("step", range(1, steps_of_scenario() + 1))
def test_a_step_that_fails_is_a_full_stop_and_nothing_acknowledged_is_lost(step: int) -> None:
    disk = SimulatedDisk()
    disk.fail_at = step
    acknowledged: list[list[CommandRecord]] = []
    with pytest.raises(StorageFailed):
        scenario(log := DiskLog(disk), acknowledged)
    if acknowledged and len(acknowledged) < 7:
        with pytest.raises(StorageFailed):
            log.append(command("after the failure"))
        log.writer.close()
    for contents in states_after(disk):
        found = DiskLog(SimulatedDisk(contents)).read_all()
        assert found[: len(flat(acknowledged))] == flat(acknowledged)
        in_flight = [command(f"c{len(acknowledged)}-{n}") for n in range(len(acknowledged) % 3 + 1)]
        assert found[len(flat(acknowledged)) :] in ([], in_flight)


def test_a_full_disk_refuses_one_append_and_the_next_goes_on() -> None:
    refused = 0
    for step in range(1, steps_of_scenario() + 1):
        disk = SimulatedDisk()
        log = DiskLog(disk)
        disk.fail_at, disk.error = disk.steps + step, errno.ENOSPC
        acknowledged: list[list[CommandRecord]] = []
        try:
            for i in range(7):
                batch = [command(f"c{i}-{n}") for n in range(i % 3 + 1)]
                try:
                    log.append(*batch)
                except DiskFull:
                    refused += 1
                    assert log.append(*batch) == len(flat(acknowledged)) + 1
                acknowledged.append(batch)
        except StorageFailed:
            is_failed = True
        else:
            is_failed = False
        assert is_failed == (disk.failed in ("sync", "sync_folder"))
        for contents in states_after(disk):
            found = DiskLog(SimulatedDisk(contents)).read_all()
            assert found[: len(flat(acknowledged))] == flat(acknowledged)
    assert refused > 10


def test_what_a_failed_sync_left_in_the_cache_alone_is_not_taken_for_the_log() -> None:
    disk = SimulatedDisk()
    log = DiskLog(disk, segment_bytes=10_000)
    log.append(command("a"))
    disk.fail_at = disk.steps + 2
    with pytest.raises(StorageFailed, match="fdatasync"):
        log.append(command("phantom"))
    assert disk.contents() != disk.after_power_cut(names_last=True)
    again = DiskLog(disk, segment_bytes=10_000)
    again.append(command("b"))
    for contents in states_after(disk):
        assert DiskLog(SimulatedDisk(contents)).read_all() == [command("a"), command("b")]


def test_a_failed_sync_of_the_tail_ends_the_opening() -> None:
    contents, _ = killed_log()
    disk = SimulatedDisk(contents)
    disk.fail_at = 1
    with pytest.raises(StorageFailed, match="fdatasync"):
        DiskLog(disk)
