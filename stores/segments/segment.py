"""One file of the log: its name, its header, and reading commands from it by their offsets.

A segment's file is named by the offset of its first command, in twenty digits, so that names sort as the log runs.
Its header joins it to the segment before; all numbers are little-endian and unsigned:

    byte  size  field
       0     4  magic, ``2fS`` and 0x1A
       4     2  format version, 1
       6     2  reserved, 0
       8     8  id of the segment, random
      16     8  number of the segment, from 1
      24     8  offset of its first command
      32     8  sequence of its first batch
      40     8  time at which it was made, microseconds since the Unix epoch
      48     8  id of the segment before, or 0
      56     8  size of the segment before in bytes, or 0
      64     4  CRC of the last batch of the segment before, or 0
      68     4  CRC of the bytes 0 to 67
"""

import struct
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ..errors import Corruption, SchemaTooNew
from ..files import Files, failing
from ..records import LoggedCommand, Offset
from .frame import FORMAT_VERSION, BadBatch, Place, decode_body
from .reader import Batch, Window, walk

__all__ = ["SEGMENT_HEADER_SIZE", "SUFFIX", "Segment", "SegmentHeader", "corrupt", "encode_header", "read_header"]

SUFFIX = ".log"
_MAGIC = b"2fS\x1a"
_FIELDS = struct.Struct("<4sHHQQQQQQQI")
_CRC = struct.Struct("<I")
SEGMENT_HEADER_SIZE = _FIELDS.size + _CRC.size

_INDEX_STEP = 128 << 10
"""How many bytes lie between two batches whose places are remembered."""
_READ_BYTES = 4 << 20
"""After how many bytes one read stops early, so that large commands cannot fill the memory."""

NEXT_STEP = "Run `twofold verify` to see the extent; then restore a backup."


class SegmentHeader(NamedTuple):
    """What a segment says of itself and of the segment before it."""

    id: int
    number: int
    offset: Offset
    sequence: int
    created: int
    previous_id: int
    previous_size: int
    previous_chain: int

    @property
    def file_name(self) -> str:
        """The name of the segment's file."""
        return f"{self.offset:020d}{SUFFIX}"


def corrupt(path: Path, position: int | None, what: str) -> Corruption:
    """Return the error that names damage in a file of the log and the ways out."""
    return Corruption(path, position, what, NEXT_STEP)


def encode_header(header: SegmentHeader) -> bytes:
    """Return the bytes with which the segment's file begins."""
    fields = _FIELDS.pack(_MAGIC, FORMAT_VERSION, 0, *header)
    return fields + _CRC.pack(crc32(fields))


def read_header(path: Path, data: bytes) -> tuple[SegmentHeader, Place]:
    """Return the header in `data`, the first bytes of the file at `path`, and the place of its first batch.

    A segment gets its name only after its header is durable, so that a bad one is always damage.

    Raises:
        Corruption: it is no sound header, or belongs to a file of another name.
        SchemaTooNew: a newer version of Twofold wrote it.
    """
    try:
        magic, version, reserved, *fields = _FIELDS.unpack_from(data)
        (crc,) = _CRC.unpack_from(data, _FIELDS.size)
    except struct.error as error:
        raise corrupt(path, 0, f"the file ends within the segment's header, after {len(data)} bytes") from error
    if magic != _MAGIC or crc != crc32(data[: _FIELDS.size]):
        raise corrupt(path, 0, "the segment's header is damaged")
    if version > FORMAT_VERSION:
        raise SchemaTooNew(path, version, FORMAT_VERSION)
    header = SegmentHeader(*fields)
    if reserved or path.name != header.file_name:
        raise corrupt(path, 0, f"the file is not the one that its header names, {header.file_name}")
    return header, Place(SEGMENT_HEADER_SIZE, header.sequence, header.offset, crc)


class Segment:
    """The sound part of one segment's file, and where in it some of its batches stand.

    Only the log's thread touches it. `size` is the durable end: nothing past it is ever read.
    """

    def __init__(self, path: Path, header: SegmentHeader, first: Place, size: int) -> None:
        self.path, self.header, self.first, self.size = path, header, first, size
        self._places = [first]

    def remember(self, place: Place) -> None:
        """Keep `place`, where a batch starts, if it lies well past the last one kept."""
        if place.position - self._places[-1].position >= _INDEX_STEP:
            self._places.append(place)

    def read(self, files: Files, after: Offset, limit: int) -> list[LoggedCommand]:
        """Return up to `limit` commands of this segment past offset `after`, checking every batch on the way.

        Raises:
            Corruption: a batch is not what was written.
        """
        place = self._places[max(0, bisect_right(self._places, after + 1, key=lambda place: place.offset) - 1)]
        found: list[LoggedCommand] = []
        with failing(self.path, "open"):
            descriptor = files.open(self.path)
        try:
            window = Window(files, self.path, descriptor, self.size)
            taken = 0
            for batch in walk(window, self.header.id, place):
                self.remember(batch.place)
                if batch.following.offset <= after + 1:
                    continue
                found.extend(_commands(batch, after, limit - len(found)))
                taken += len(batch.body)
                if len(found) >= limit or taken >= _READ_BYTES:
                    break
        except BadBatch as bad:
            raise corrupt(self.path, bad.place.position, bad.what) from bad
        finally:
            files.close(descriptor)
        return found


def _commands(batch: Batch, after: Offset, limit: int) -> list[LoggedCommand]:
    commands = decode_body(batch.place, batch.body, batch.commands)
    start = max(0, after + 1 - batch.place.offset)
    first = batch.place.offset + start
    return [LoggedCommand(first + i, command) for i, command in enumerate(commands[start : start + limit])]
