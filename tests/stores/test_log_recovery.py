"""Opening the log after every kind of end: killed, cut off, damaged, meddled with.

What was acknowledged is there, or the log refuses to open or to be read; a wrong command is never returned.
"""

import contextlib
import errno
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from twofold.stores.errors import Corruption, DiskFull, SchemaTooNew, StorageFailed
from twofold.stores.records import CommandRecord
from twofold.stores.segments import TornTail, faults, findings, scan
from twofold.stores.segments.frame import encode_batch, encode_body
from twofold.stores.segments.manifest import MANIFEST
from twofold.stores.segments.reader import Batch, Window, walk
from twofold.stores.segments.recovery import TORN
from twofold.stores.segments.segment import Segment

from tests.doubles.disk_log import FOLDER, DiskLog, command, fill, flat
from tests.doubles.simulated_disk import SECTOR, PowerCut, SimulatedDisk

pytestmark = pytest.mark.timeout(60)

Contents = dict[Path, bytes]


def killed_log(batches: int = 7, size: int = 20) -> tuple[Contents, list[list[CommandRecord]]]:
    disk = SimulatedDisk()
    appended = fill(DiskLog(disk), batches, size)
    return disk.contents(), appended


def sealed_log(batches: int = 7) -> tuple[Contents, list[list[CommandRecord]]]:
    disk = SimulatedDisk()
    log = DiskLog(disk)
    appended = fill(log, batches)
    log.writer.close()
    return disk.contents(), appended


def segments_of(contents: Contents) -> list[Path]:
    return sorted(path for path in contents if path.suffix == ".log")


def walk_all(disk: SimulatedDisk, segment: Segment) -> list[Batch]:
    window = Window(disk, segment.path, disk.open(segment.path), segment.size)
    return list(walk(window, segment.header.id, segment.first))


def assert_refused_or_cut(contents: Contents, appended: list[list[CommandRecord]], *, may_cut: bool) -> None:
    disk = SimulatedDisk(contents)
    try:
        log = DiskLog(disk)
        found = log.read_all()
    except Corruption:
        return
    assert may_cut, "damage was not noticed"
    assert log.report.torn_bytes > 0
    assert found == flat(appended[:-1])


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


# Torn tails and damage


def test_a_torn_tail_is_cut_and_a_copy_is_kept() -> None:
    contents, appended = killed_log()
    tail = segments_of(contents)[-1]
    contents[tail] += b"half a batch"
    disk = SimulatedDisk(contents)
    log = DiskLog(disk)
    assert log.report.torn_bytes == len(b"half a batch")
    assert log.report.torn_copy is not None
    assert log.report.torn_copy.name.endswith(TORN)
    assert disk.contents()[log.report.torn_copy] == b"half a batch"
    assert disk.contents()[tail] == contents[tail][: -len(b"half a batch")]
    assert log.read_all() == flat(appended)


def test_a_cut_is_durable_before_a_seal_can_say_so() -> None:
    contents, appended = killed_log()
    contents[segments_of(contents)[-1]] += b"half a batch"
    disk = SimulatedDisk(contents)
    DiskLog(disk).writer.close()
    again = DiskLog(SimulatedDisk(disk.after_power_cut(names_last=False)))
    assert again.report.clean
    assert again.read_all() == flat(appended)


@pytest.mark.parametrize("garbage", [b"\0" * 5_000, b"\xff" * 5_000, b"2fB\x1a" * 1_000])
def test_a_tail_of_garbage_is_cut(garbage: bytes) -> None:
    contents, appended = killed_log()
    contents[segments_of(contents)[-1]] += garbage
    log = DiskLog(SimulatedDisk(contents))
    assert log.report.torn_bytes == len(garbage)
    assert log.read_all() == flat(appended)


def test_a_log_cut_at_any_length_loses_only_whole_batches_at_its_end() -> None:
    contents, appended = killed_log()
    for path in segments_of(contents):
        for length in range(len(contents[path])):
            cut = contents | {path: contents[path][:length]}
            try:
                found = DiskLog(SimulatedDisk(cut)).read_all()
            except Corruption:
                continue
            assert path == segments_of(contents)[-1]
            assert found in [flat(appended[:n]) for n in range(len(appended))]


def test_a_sealed_log_cut_at_any_length_is_refused() -> None:
    contents, _ = sealed_log()
    for path in contents:
        for length in range(len(contents[path])):
            with pytest.raises(Corruption):
                DiskLog(SimulatedDisk(contents | {path: contents[path][:length]}))


@pytest.mark.parametrize("sealed", [False, True])
def test_any_flipped_bit_is_refused_or_cuts_the_last_batch_of_a_log_that_was_not_closed(sealed: bool) -> None:
    contents, appended = sealed_log(6) if sealed else killed_log(6)
    tail = segments_of(contents)[-1]
    assert len(segments_of(contents)) > 1
    for path, data in contents.items():
        for position in range(len(data)):
            for bit in range(8):
                flipped = bytearray(data)
                flipped[position] ^= 1 << bit
                assert_refused_or_cut(contents | {path: bytes(flipped)}, appended, may_cut=path == tail and not sealed)


def test_damage_before_a_sound_batch_is_refused_and_changes_nothing() -> None:
    disk = SimulatedDisk()
    fill(DiskLog(disk, segment_bytes=10_000), 3)
    contents = disk.contents()
    (tail,) = segments_of(contents)
    damaged = bytearray(contents[tail])
    damaged[100] ^= 1
    disk = SimulatedDisk(contents | {tail: bytes(damaged)})
    with pytest.raises(Corruption, match="stands behind it") as refusal:
        DiskLog(disk)
    assert refusal.value.file == tail
    assert refusal.value.offset == 72
    assert disk.contents() == contents | {tail: bytes(damaged)}


def test_a_bad_tail_of_a_sealed_log_is_refused() -> None:
    contents, _ = sealed_log()
    tail = segments_of(contents)[-1]
    for data in (contents[tail] + b"\0", contents[tail][:-1]):
        with pytest.raises(Corruption, match="closed cleanly"):
            DiskLog(SimulatedDisk(contents | {tail: data}))


def test_the_seal_is_gone_once_something_is_appended() -> None:
    contents, appended = sealed_log()
    disk = SimulatedDisk(contents)
    log = DiskLog(disk)
    assert log.report.clean
    assert disk.contents() == contents
    log.append(command("more"))
    torn = disk.contents()
    tail = segments_of(torn)[-1]
    again = DiskLog(SimulatedDisk(torn | {tail: torn[tail][:-1]}))
    assert not again.report.clean
    assert again.read_all() == flat(appended)


@pytest.mark.parametrize("field", ["segment_id", "sequence", "offset", "chain"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_sound_batch_that_does_not_follow_is_never_taken(field: str, by: int) -> None:
    disk = SimulatedDisk()
    log = DiskLog(disk, segment_bytes=10_000)
    appended = fill(log, 3)
    contents = disk.contents()
    (tail,) = segments_of(contents)
    segment_id, place = log.writer._segments[-1].header.id, log.writer._end
    if field == "segment_id":
        segment_id += by
    else:
        place = place._replace(**{field: getattr(place, field) + by})
    forged, _ = encode_batch(segment_id, place, 1, encode_body([command("forged")]))
    disk = SimulatedDisk(contents | {tail: contents[tail] + forged})
    if (field, by) == ("sequence", 1):
        with pytest.raises(Corruption, match="stands where batch 4 belongs"):
            DiskLog(disk)
    else:
        again = DiskLog(disk)
        assert again.report.torn_bytes == len(forged)
        assert again.read_all() == flat(appended)


# Files that are missing, doubled or swapped


def test_a_missing_segment_is_refused() -> None:
    for contents, _ in (killed_log(), sealed_log()):
        assert len(segments_of(contents)) >= 3
        for path in segments_of(contents):
            with pytest.raises(Corruption, match="missing"):
                DiskLog(SimulatedDisk({p: data for p, data in contents.items() if p != path}))


def test_a_doubled_segment_is_refused() -> None:
    contents, _ = killed_log()
    for path in segments_of(contents):
        with pytest.raises(Corruption, match="not the one that its header names"):
            DiskLog(SimulatedDisk(contents | {FOLDER / "00000000000000000777.log": contents[path]}))


def test_swapped_segments_are_refused() -> None:
    contents, _ = killed_log()
    for one, other in itertools.combinations(segments_of(contents), 2):
        with pytest.raises(Corruption, match="not the one that its header names"):
            DiskLog(SimulatedDisk(contents | {one: contents[other], other: contents[one]}))


def test_a_segment_of_another_log_is_refused() -> None:
    contents, _ = killed_log()
    others, _ = killed_log()
    for path in segments_of(contents):
        with pytest.raises(Corruption):
            DiskLog(SimulatedDisk(contents | {path: others[path]}))


def test_the_only_segment_of_another_log_is_refused() -> None:
    contents, _ = killed_log(2)
    others, _ = killed_log(2)
    (path,) = segments_of(contents)
    with pytest.raises(Corruption, match="not the one of the manifest"):
        DiskLog(SimulatedDisk(contents | {path: others[path]}))


def test_a_missing_manifest_is_refused() -> None:
    contents, _ = killed_log()
    del contents[FOLDER / MANIFEST]
    with pytest.raises(Corruption, match="manifest is missing"):
        DiskLog(SimulatedDisk(contents))


def test_a_file_of_a_newer_version_is_refused_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twofold.stores.segments.segment.FORMAT_VERSION", 2)
    contents, _ = killed_log()
    monkeypatch.undo()
    with pytest.raises(SchemaTooNew):
        DiskLog(SimulatedDisk(contents))


# What the tools see


def test_the_audit_of_a_sound_log_finds_every_batch_and_no_fault() -> None:
    for contents, appended in (killed_log(), sealed_log()):
        disk = SimulatedDisk(contents)
        assert [batch.commands for batch in scan(FOLDER, disk)] == appended
        assert list(faults(FOLDER, disk)) == []
        assert disk.steps == 0


def test_the_audit_finds_every_flipped_byte() -> None:
    for contents, _ in (sealed_log(), killed_log()):
        tail = segments_of(contents)[-1]
        for path, data in contents.items():
            for position in range(len(data)):
                flipped = bytearray(data)
                flipped[position] ^= 0xFF
                disk = SimulatedDisk(contents | {path: bytes(flipped)})
                found = list(findings(FOLDER, disk))
                is_torn = any(isinstance(finding, TornTail) for finding in found)
                is_fault = any(isinstance(finding, Corruption) for finding in found)
                assert is_fault or (is_torn and path == tail)


def test_the_audit_goes_on_behind_a_fault() -> None:
    contents, appended = killed_log()
    damaged = {path: bytearray(contents[path]) for path in segments_of(contents)[:2]}
    for data in damaged.values():
        data[130] ^= 1
    disk = SimulatedDisk(contents | {path: bytes(data) for path, data in damaged.items()})
    found = list(findings(FOLDER, disk))
    assert [fault.file for fault in found if isinstance(fault, Corruption)] == list(damaged)
    assert len([f for f in found if not isinstance(f, Corruption)]) == len(appended) - 2


def test_the_audit_finds_an_older_segment_whose_last_batch_was_replaced_by_a_sound_one() -> None:
    disk = SimulatedDisk()
    log = DiskLog(disk)
    appended = fill(log, 7)
    oldest = log.writer._segments[0]
    *_, last = (batch for batch in scan(FOLDER, disk) if batch.file == oldest.path)
    before = next(b for b in walk_all(disk, oldest) if b.place.position == last.position)
    forged = [command(c.command_id.replace("c", "x")) for c in last.commands]
    frame, _ = encode_batch(oldest.header.id, before.place, len(forged), encode_body(forged))
    data = disk.contents()[oldest.path]
    changed = SimulatedDisk(disk.contents() | {oldest.path: data[: last.position] + frame})
    assert len(changed.contents()[oldest.path]) == len(data)
    assert DiskLog(changed).report.end == len(flat(appended))
    (fault,) = faults(FOLDER, changed)
    assert "does not follow batch" in fault.what


def test_the_audit_reports_a_torn_tail_as_no_fault() -> None:
    contents, appended = killed_log()
    tail = segments_of(contents)[-1]
    disk = SimulatedDisk(contents | {tail: contents[tail] + b"half a batch"})
    *batches, torn = findings(FOLDER, disk)
    assert isinstance(torn, TornTail)
    assert (torn.file, torn.position, torn.size) == (tail, len(contents[tail]), len(b"half a batch"))
    assert len(batches) == len(appended)
    assert disk.steps == 0
