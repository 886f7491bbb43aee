"""Reading the batches of one segment's file: one after the other, or past damage in search of a later one."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ..files import Files, failing
from .frame import HEADER_SIZE, BadBatch, BatchHeader, Place, batch_prefix, parse_header

__all__ = ["Batch", "Window", "find_later_batch", "walk"]

_WINDOW = 1 << 20


class Batch(NamedTuple):
    """A batch that was found where it belongs, its CRCs and its place in the chain checked."""

    place: Place
    commands: int
    body: memoryview
    following: Place


class Window:
    """A file's bytes up to `size`, read in pieces of at least a megabyte so that a large file needs little memory."""

    def __init__(self, files: Files, path: Path, descriptor: int, size: int) -> None:
        self.path, self.size = path, size
        self._files, self._descriptor = files, descriptor
        self._start, self._bytes = 0, memoryview(b"")

    def at(self, position: int, length: int) -> memoryview:
        """Return the `length` bytes at `position`; fewer only past `size` or the end of the file."""
        first = position - self._start
        if first < 0 or first + length > len(self._bytes):
            with failing(self.path, "read"):
                wanted = max(0, min(max(length, _WINDOW), self.size - position))
                self._bytes = memoryview(self._files.read(self._descriptor, wanted, position))
            self._start, first = position, 0
        return self._bytes[first : first + length]


def walk(window: Window, segment_id: int, place: Place) -> Iterator[Batch]:
    """Yield the batches from `place` to the end of the window.

    Raises:
        BadBatch: what stands at its place is not the batch that belongs there; those before it were yielded.
    """
    while place.position < window.size:
        header = parse_header(window.at(place.position, HEADER_SIZE))
        if header is None:
            raise BadBatch(place, f"no sound header where batch {place.sequence} belongs")
        _check_follows(header, segment_id, place)
        body = window.at(place.position + HEADER_SIZE, header.length)
        if len(body) < header.length:
            raise BadBatch(place, f"batch {place.sequence} ends after {len(body)} of {header.length} bytes")
        if crc32(body) != header.body_crc:
            raise BadBatch(place, f"the body of batch {place.sequence} does not match its CRC")
        following = Place(
            place.position + HEADER_SIZE + header.length, place.sequence + 1, place.offset + header.commands, header.crc
        )
        yield Batch(place, header.commands, body, following)
        place = following


def _check_follows(header: BatchHeader, segment_id: int, place: Place) -> None:
    if header.segment_id != segment_id:
        raise BadBatch(place, f"batch {place.sequence} is of segment {header.segment_id:016x}, not {segment_id:016x}")
    if header.sequence != place.sequence:
        raise BadBatch(place, f"batch {header.sequence} stands where batch {place.sequence} belongs")
    if header.offset != place.offset:
        raise BadBatch(place, f"batch {place.sequence} starts at offset {header.offset}, not {place.offset}")
    if header.before != place.chain:
        raise BadBatch(place, f"batch {place.sequence} does not follow the batch before it")


def find_later_batch(window: Window, segment_id: int, bad: Place) -> Place | None:
    """Return the place, at `bad` or past it, of a sound header that was written after the batch at `bad`, or ``None``.

    A header is proof enough: it was written only once the batch at `bad` was durable.
    """
    prefix = batch_prefix(segment_id)
    position = bad.position
    while position < window.size:
        piece = bytes(window.at(position, _WINDOW))
        if not piece:
            return None
        found = piece.find(prefix)
        if found < 0:
            position += max(1, len(piece) - len(prefix) + 1)
            continue
        header = parse_header(window.at(position + found, HEADER_SIZE))
        if header is not None and header.sequence > bad.sequence:
            return Place(position + found, header.sequence, header.offset, header.before)
        position += found + 1
    return None
