"""Opening and reading a log whose files were damaged or meddled with.

The log refuses to open or to be read, or cuts what was never acknowledged; a wrong command is never returned.
"""

import itertools

import pytest
from twofold.stores.errors import Corruption, SchemaTooNew
from twofold.stores.records import CommandRecord
from twofold.stores.segments.frame import encode_batch, encode_body
from twofold.stores.segments.manifest import MANIFEST
from twofold.stores.segments.recovery import TORN

from tests.doubles.disk_log import FOLDER, Contents, DiskLog, command, fill, flat, killed_log, sealed_log, segments_of
from tests.doubles.simulated_disk import SimulatedDisk

pytestmark = pytest.mark.timeout(60)


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
