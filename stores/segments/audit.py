"""Reading a whole log beside its process, for tools: every batch, every fault, and nothing is changed.

It takes no lock. What a running process is about to write, or a killed one left half written, is a torn tail: it is
reported as such, and is no fault.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Corruption, StorageFailed
from ..files import Files, failing
from ..records import CommandRecord, Offset
from .frame import BadBatch, Place, decode_body
from .joins import join_faults, open_segment, seal_fault
from .manifest import MANIFEST, Manifest, Seal, read_manifest
from .reader import Batch, Window, find_later_batch, walk
from .segment import SUFFIX, Segment, corrupt

__all__ = ["LoggedBatch", "TornTail", "end", "faults", "findings", "scan"]


@dataclass(frozen=True, slots=True)
class LoggedBatch:
    """A sound batch, and where it stands."""

    file: Path
    position: int
    sequence: int
    first: Offset
    commands: list[CommandRecord]


@dataclass(frozen=True, slots=True)
class TornTail:
    """Bytes behind the last sound batch of a log that is open or was not closed: never acknowledged."""

    file: Path
    position: int
    size: int
    what: str


def scan(folder: Path, files: Files | None = None) -> Iterator[LoggedBatch]:
    """Yield the batches of the log in `folder`, oldest first, up to its end or its torn tail.

    Raises:
        Corruption: at the first fault.
    """
    for finding in findings(folder, files):
        if isinstance(finding, Corruption):
            raise finding
        if isinstance(finding, LoggedBatch):
            yield finding


def faults(folder: Path, files: Files | None = None) -> Iterator[Corruption]:
    """Yield every fault of the log in `folder`, having read all of it; past one it goes on at the next sound batch."""
    for finding in findings(folder, files):
        if isinstance(finding, Corruption):
            yield finding


def end(folder: Path, files: Files | None = None) -> Offset:
    """Return the offset of the newest command of the log in `folder`, or 0, having read the newest segment only.

    Raises:
        Corruption: the files do not fit together, or that segment is damaged.
        SchemaTooNew, StorageFailed: as `findings`.
    """
    files = files or Files()
    manifest, segments, found = _snapshot(files, folder)
    if found:
        raise found[0]
    if manifest is None or not segments:
        return 0
    newest = segments[-1].first.offset - 1
    for finding in _newest_findings(files, segments[-1], manifest.seal):
        if isinstance(finding, Corruption):
            raise finding
        if isinstance(finding, LoggedBatch):
            newest = finding.first + len(finding.commands) - 1
    return newest


def findings(folder: Path, files: Files | None = None) -> Iterator[LoggedBatch | TornTail | Corruption]:
    """Yield every batch, every fault and the torn tail, if any, of the log in `folder`.

    Raises:
        SchemaTooNew: a newer version of Twofold wrote it.
        StorageFailed: a file could not be read.
    """
    files = files or Files()
    manifest, segments, found = _snapshot(files, folder)
    yield from found
    seal = None if manifest is None else manifest.seal
    before: tuple[Segment, Place] | None = None
    for segment in segments:
        if before is not None and before[0].header.id == segment.header.previous_id:
            yield from _chain_faults(before[1], segment)
        try:
            if segment is segments[-1]:
                yield from _newest_findings(files, segment, seal)
            else:
                before = (segment, (yield from _older_findings(files, segment)))
        except StorageFailed:
            if not _was_deleted(files, folder, segment):
                raise
            before = None


def _snapshot(files: Files, folder: Path) -> tuple[Manifest | None, list[Segment], list[Corruption]]:
    """Return manifest and segments as of one moment at which no segment was being made or deleted, and their faults."""
    while True:
        manifest, found = _read_manifest(files, folder)
        segments: list[Segment] = []
        try:
            for name in files.names(folder):
                if name.endswith(SUFFIX):
                    _open(files, folder / name, segments, found)
        except StorageFailed:
            if _read_manifest(files, folder)[0] == manifest:
                raise
            continue
        if _read_manifest(files, folder)[0] == manifest:
            break
    if manifest is not None:
        segments = [segment for segment in segments if segment.header.number >= manifest.oldest]
        found.extend(join_faults(folder, manifest, segments))
    elif segments and not found:
        found.append(corrupt(folder / MANIFEST, None, f"the manifest is missing beside {len(segments)} segments"))
    return manifest, segments, found


def _read_manifest(files: Files, folder: Path) -> tuple[Manifest | None, list[Corruption]]:
    try:
        return read_manifest(files, folder), []
    except Corruption as fault:
        return None, [fault]


def _open(files: Files, path: Path, segments: list[Segment], found: list[Corruption]) -> None:
    try:
        segments.append(open_segment(files, path))
    except Corruption as fault:
        found.append(fault)


def _was_deleted(files: Files, folder: Path, segment: Segment) -> bool:
    """Tell whether the retention of a running process took `segment` away meanwhile."""
    manifest, _ = _read_manifest(files, folder)
    return manifest is not None and segment.header.number < manifest.oldest


def _chain_faults(end: Place, segment: Segment) -> Iterator[Corruption]:
    header = segment.header
    if (header.sequence, header.offset, header.previous_chain) != (end.sequence, end.offset, end.chain):
        what = f"the segment does not follow batch {end.sequence - 1}, offset {end.offset - 1}, the last one before it"
        yield corrupt(segment.path, 0, what)


def _older_findings(files: Files, segment: Segment) -> Generator[LoggedBatch | Corruption, None, Place]:
    end, bad = yield from _batches(files, segment)
    if bad is not None:
        yield corrupt(segment.path, bad.place.position, f"{bad.what}, and no batch follows in the segment")
    return end


def _newest_findings(
    files: Files, segment: Segment, seal: Seal | None
) -> Iterator[LoggedBatch | Corruption | TornTail]:
    end, bad = yield from _batches(files, segment)
    if seal is not None:
        fault = seal_fault(segment, seal, end, bad)
        yield from [] if fault is None else [fault]
    elif bad is not None:
        yield TornTail(segment.path, bad.place.position, segment.size - bad.place.position, bad.what)


def _batches(
    files: Files, segment: Segment
) -> Generator[LoggedBatch | Corruption, None, tuple[Place, BadBatch | None]]:
    """Yield the batches of `segment` and the damage between them; return where they end, and what is bad there."""
    with failing(segment.path, "open"):
        descriptor = files.open(segment.path)
    try:
        window = Window(files, segment.path, descriptor, segment.size)
        place = segment.first
        while True:
            try:
                for batch in walk(window, segment.header.id, place):
                    yield _decoded(segment, batch)
                    place = batch.following
                return place, None
            except BadBatch as bad:
                later = find_later_batch(window, segment.header.id, bad.place)
                if later is None:
                    return place, bad
                what = f"{bad.what}; the next sound header is that of batch {later.sequence} at byte {later.position}"
                yield corrupt(segment.path, bad.place.position, what)
                place = later
    finally:
        files.close(descriptor)


def _decoded(segment: Segment, batch: Batch) -> LoggedBatch | Corruption:
    place = batch.place
    try:
        commands = decode_body(place, batch.body, batch.commands)
    except BadBatch as bad:
        return corrupt(segment.path, place.position, bad.what)
    return LoggedBatch(segment.path, place.position, place.sequence, place.offset, commands)
