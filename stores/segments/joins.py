"""What must hold between the log's files: the segments that the manifest names, in a row, up to the seal."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ..errors import Corruption
from ..files import Files, failing
from .frame import BadBatch, Place
from .manifest import Manifest, Seal
from .segment import SEGMENT_HEADER_SIZE, Segment, corrupt, read_header

__all__ = ["join_faults", "open_segment", "seal_fault"]


def open_segment(files: Files, path: Path) -> Segment:
    """Return the segment in the file at `path`, its header checked and its batches not.

    Raises:
        Corruption: its header is damaged.
        SchemaTooNew: a newer version of Twofold wrote it.
    """
    with failing(path, "read"):
        descriptor = files.open(path)
        try:
            data, size = files.read(descriptor, SEGMENT_HEADER_SIZE, 0), files.size(descriptor)
        finally:
            files.close(descriptor)
    header, first = read_header(path, data)
    return Segment(path, header, first, size)


def join_faults(folder: Path, manifest: Manifest, segments: list[Segment]) -> Iterator[Corruption]:
    """Yield what is missing, doubled, swapped, or longer or shorter than it was, of the segments in name order."""
    if not segments:
        if manifest.newest:
            yield corrupt(folder, None, f"segments {manifest.oldest} to {manifest.newest} are missing")
        return
    if segments[0].header.number != manifest.oldest:
        yield corrupt(folder, None, f"segment {manifest.oldest}, the oldest that must be there, is missing")
    for before, segment in pairwise(segments):
        yield from _pair_faults(before, segment)
    yield from _newest_faults(folder, manifest, segments[-1])


def _pair_faults(before: Segment, segment: Segment) -> Iterator[Corruption]:
    header = segment.header
    if header.number != before.header.number + 1 or header.previous_id != before.header.id:
        what = f"segment {header.number} does not follow segment {before.header.number}: one is missing or foreign"
        yield corrupt(segment.path, 0, what)
    elif header.previous_size != before.size:
        what = f"the segment is {before.size} bytes long, and was {header.previous_size} when it was full"
        yield corrupt(before.path, min(before.size, header.previous_size), what)


def _newest_faults(folder: Path, manifest: Manifest, newest: Segment) -> Iterator[Corruption]:
    header = newest.header
    is_interrupted_roll = newest.size == SEGMENT_HEADER_SIZE and header.number == manifest.newest + 1
    if header.number < manifest.newest:
        yield corrupt(folder, None, f"segment {manifest.newest}, the newest that must be there, is missing")
    elif header.number == manifest.newest and header.id != manifest.newest_id:
        yield corrupt(newest.path, 0, f"the segment is not the one of the manifest, {manifest.newest_id:016x}")
    elif header.number > manifest.newest and (manifest.seal is not None or not is_interrupted_roll):
        yield corrupt(newest.path, 0, f"the manifest does not know the segment; its newest is {manifest.newest}")


def seal_fault(tail: Segment, seal: Seal, end: Place, bad: BadBatch | None) -> Corruption | None:
    """Return what is wrong with a log that was closed cleanly and whose sound batches reach to `end`, if anything."""
    if bad is not None:
        return corrupt(tail.path, end.position, f"{bad.what}, in a log that was closed cleanly")
    if Seal.at(end) != seal:
        what = f"the log was closed cleanly at offset {seal.end}, byte {seal.size}, and ends at offset {end.offset - 1}"
        return corrupt(tail.path, end.position, what)
    return None
