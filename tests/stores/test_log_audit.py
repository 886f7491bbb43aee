"""Reading a whole log for tools: every batch, every fault, and nothing changed."""

import pytest
from twofold.stores.errors import Corruption
from twofold.stores.segments import TornTail, faults, findings, scan
from twofold.stores.segments.audit import end
from twofold.stores.segments.frame import encode_batch, encode_body
from twofold.stores.segments.reader import Batch, Window, walk
from twofold.stores.segments.segment import Segment

from tests.doubles.disk_log import FOLDER, DiskLog, command, fill, flat, killed_log, sealed_log, segments_of
from tests.doubles.simulated_disk import SimulatedDisk

pytestmark = pytest.mark.timeout(60)


def walk_all(disk: SimulatedDisk, segment: Segment) -> list[Batch]:
    window = Window(disk, segment.path, disk.open(segment.path), segment.size)
    return list(walk(window, segment.header.id, segment.first))


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


def test_the_end_is_found_in_the_newest_segment_alone() -> None:
    assert end(FOLDER, SimulatedDisk()) == 0
    for contents, appended in (killed_log(), sealed_log()):
        assert len(segments_of(contents)) > 2
        oldest = segments_of(contents)[0]
        flipped = contents[oldest][:-1] + bytes([contents[oldest][-1] ^ 1])
        assert end(FOLDER, SimulatedDisk(contents | {oldest: flipped})) == len(flat(appended))


def test_a_torn_tail_lies_behind_the_end() -> None:
    contents, appended = killed_log()
    newest = segments_of(contents)[-1]
    assert end(FOLDER, SimulatedDisk(contents | {newest: contents[newest][:-1]})) == len(flat(appended[:-1]))


def test_the_end_of_a_damaged_log_is_not_told() -> None:
    contents, _ = sealed_log()
    oldest, *_, newest = segments_of(contents)
    without_first = {path: data for path, data in contents.items() if path != oldest}
    for damaged in (
        without_first,
        contents | {newest: contents[newest][:-1]},
        contents | {newest: contents[newest][:100] + b"?" + contents[newest][101:]},
    ):
        with pytest.raises(Corruption, match="twofold verify"):
            end(FOLDER, SimulatedDisk(damaged))


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
