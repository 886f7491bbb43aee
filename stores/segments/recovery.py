"""Opening the log's folder: what is there is checked, a torn tail is cut, and everything else is refused.

Of every segment the header and the size are checked, and that they join without a gap; of the newest every batch.
The batches of older segments were durable before the next segment was made; they are checked whenever they are
read, and all of them by `audit.faults`. See docs/log-format.md for what each crash leaves and what becomes of it.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import structlog

from ..files import TEMPORARY, Files, failing, write_durably
from ..records import Offset
from .frame import BadBatch, Place
from .manifest import MANIFEST, Manifest, Seal, read_manifest, write_manifest
from .reader import Window, find_later_batch, walk
from .segment import SEGMENT_HEADER_SIZE, SUFFIX, Segment, corrupt, read_header

__all__ = ["FIRST", "TORN", "Recovered", "RecoveryReport", "recover"]

TORN = ".torn"
"""Ends the name of a copy of what was cut; its segment's name and the position of the cut come before."""
FIRST = Place(0, 1, 1, 0)
"""What the first segment of a log follows: nothing."""
_log = structlog.get_logger("twofold.log")


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What opening the log found and did."""

    clean: bool
    """The log had been closed, or is new."""
    segments: int
    end: Offset
    torn_bytes: int = 0
    """How many bytes behind the last sound batch were cut; they were never acknowledged."""
    torn_copy: Path | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log that may be read and, past `end`, written; `segments` is empty only where the log is new."""

    segments: list[Segment]
    end: Place
    manifest: Manifest
    report: RecoveryReport


def recover(files: Files, folder: Path) -> Recovered:
    """Check the log in `folder`, cut its torn tail, if any, and return what it holds. The caller has the lock.

    Raises:
        Corruption: something that was durable is missing or damaged; nothing in the folder was changed.
        SchemaTooNew: a newer version of Twofold wrote it.
        StorageFailed, DiskFull: the folder could not be read, or the tail not be cut.
    """
    names = files.names(folder)
    manifest = read_manifest(files, folder)
    segments = [_open(files, folder / name) for name in names if name.endswith(SUFFIX)]
    if manifest is None:
        return _new(files, folder, segments)
    outdated = [s for s in segments if s.header.number < manifest.oldest]
    segments = [s for s in segments if s.header.number >= manifest.oldest]
    check_segments(folder, manifest, segments)
    leftovers = [folder / name for name in names if name.endswith(TEMPORARY)] + [s.path for s in outdated]
    if not segments:
        _remove(files, folder, leftovers)
        return Recovered([], FIRST, manifest, RecoveryReport(True, 0, 0))
    end, torn, copy = _settle_tail(files, segments[-1], manifest)
    _remove(files, folder, leftovers)
    newest = segments[-1].header
    if newest.number > manifest.newest:
        manifest = Manifest(manifest.oldest, newest.number, newest.id)
        write_manifest(files, folder, manifest)
    report = RecoveryReport(manifest.seal is not None, len(segments), end.offset - 1, torn, copy)
    return Recovered(segments, end, manifest, report)


def _new(files: Files, folder: Path, segments: list[Segment]) -> Recovered:
    if segments:
        raise corrupt(folder / MANIFEST, None, f"the manifest is missing beside {len(segments)} segments")
    with failing(folder, "making the folder"):
        files.make_folder(folder)
        files.sync_folder(folder.parent)
    manifest = Manifest()
    write_manifest(files, folder, manifest)
    return Recovered([], FIRST, manifest, RecoveryReport(True, 0, 0))


def _open(files: Files, path: Path) -> Segment:
    with failing(path, "read"):
        descriptor = files.open(path)
        try:
            data, size = files.read(descriptor, SEGMENT_HEADER_SIZE, 0), files.size(descriptor)
        finally:
            files.close(descriptor)
    header, first = read_header(path, data)
    return Segment(path, header, first, size)


def check_segments(folder: Path, manifest: Manifest, segments: list[Segment]) -> None:
    """Check that the segments are those of the manifest and follow one another.

    Raises:
        Corruption: one is missing, doubled, swapped, longer or shorter than it was.
    """
    if not segments and manifest.newest == 0:
        return
    if not segments or segments[0].header.number != manifest.oldest:
        raise corrupt(folder, None, f"segment {manifest.oldest}, the oldest that must be there, is missing")
    for before, segment in pairwise(segments):
        _check_join(before, segment)
    _check_newest(folder, manifest, segments[-1])


def _check_join(before: Segment, segment: Segment) -> None:
    header = segment.header
    if header.number != before.header.number + 1 or header.previous_id != before.header.id:
        what = f"segment {header.number} does not follow segment {before.header.number}: one is missing or foreign"
        raise corrupt(segment.path, 0, what)
    if header.previous_size != before.size:
        what = f"the segment is {before.size} bytes long, and was {header.previous_size} when it was full"
        raise corrupt(before.path, min(before.size, header.previous_size), what)


def _check_newest(folder: Path, manifest: Manifest, newest: Segment) -> None:
    header = newest.header
    if header.number < manifest.newest:
        raise corrupt(folder, None, f"segment {manifest.newest}, the newest that must be there, is missing")
    if header.number == manifest.newest and header.id != manifest.newest_id:
        raise corrupt(newest.path, 0, f"the segment is not the one of the manifest, {manifest.newest_id:016x}")
    follows = header.number == manifest.newest + 1 and newest.size == SEGMENT_HEADER_SIZE and manifest.seal is None
    if header.number > manifest.newest and not follows:
        raise corrupt(newest.path, 0, f"the manifest does not know the segment; its newest is {manifest.newest}")


def _settle_tail(files: Files, tail: Segment, manifest: Manifest) -> tuple[Place, int, Path | None]:
    """Return the end of the log, how many bytes of a torn tail were cut there, and where a copy of them is."""
    with failing(tail.path, "open"):
        descriptor = files.open(tail.path, write=True)
    try:
        with failing(tail.path, "fdatasync"):
            files.sync(descriptor)
        with failing(tail.path, "dropping the cached pages"):
            files.drop_cached(descriptor)
        window = Window(files, tail.path, descriptor, tail.size)
        end, bad = scan_tail(window, tail)
        if manifest.seal is not None:
            check_seal(tail, manifest.seal, end, bad)
        if bad is None:
            return end, 0, None
        torn = bytes(window.at(end.position, tail.size))
        copy = tail.path.with_name(f"{tail.path.name}.{end.position}{TORN}")
        write_durably(files, copy, torn)
        with failing(tail.path, "cutting the torn tail"):
            files.truncate(descriptor, end.position)
            files.sync(descriptor)
            files.sync_folder(tail.path.parent)
    finally:
        files.close(descriptor)
    tail.size = end.position
    _log.warning(
        "torn_tail_cut", file=str(tail.path), position=end.position, bytes=len(torn), what=bad.what, copy=str(copy)
    )
    return end, len(torn), copy


def scan_tail(window: Window, tail: Segment) -> tuple[Place, BadBatch | None]:
    """Return where the sound batches of the newest segment end, and what stands there if not its end.

    Raises:
        Corruption: a later batch stands behind a bad one, so that the bad one was durable once.
    """
    end = tail.first
    try:
        for batch in walk(window, tail.header.id, end):
            tail.remember(batch.place)
            end = batch.following
    except BadBatch as bad:
        later = find_later_batch(window, tail.header.id, end)
        if later is not None:
            what = f"{bad.what}, but batch {later.sequence} stands behind it at byte {later.position}"
            raise corrupt(tail.path, end.position, what) from bad
        return end, bad
    return end, None


def check_seal(tail: Segment, seal: Seal, end: Place, bad: BadBatch | None) -> None:
    """Check that a log that was closed cleanly ends where it ended then.

    Raises:
        Corruption: it ends elsewhere, or something stands behind its end.
    """
    if bad is not None:
        raise corrupt(tail.path, end.position, f"{bad.what}, in a log that was closed cleanly") from bad
    if Seal.at(end) != seal:
        what = f"the log was closed cleanly at offset {seal.end}, byte {seal.size}, and ends at offset {end.offset - 1}"
        raise corrupt(tail.path, end.position, what)


def _remove(files: Files, folder: Path, leftovers: list[Path]) -> None:
    if not leftovers:
        return
    with failing(folder, "removing what an interrupted step left"):
        for path in leftovers:
            files.remove(path)
        files.sync_folder(folder)
