"""The bytes of one batch of commands in the log: pure functions, no files.

A batch is a header and a body. All numbers are little-endian and unsigned:

    byte  size  field
       0     4  magic, ``2fB`` and 0x1A
       4     2  format version, 1
       6     2  reserved, 0
       8     8  id of the segment, random, so that no payload can forge a batch
      16     8  sequence of the batch in the log, from 1
      24     8  offset of its first command
      32     4  count of its commands, at least 1
      36     4  length of the body, from 1 to `MAX_BODY`
      40     4  CRC of the batch before: its header's, or that of the segment's header for the first batch
      44     4  CRC of the body
      48     4  CRC of the bytes 0 to 47
      52        body: MessagePack, an array of `CommandRecord`, each an array of its fields

A header's CRC covers the CRC of its body and that of the batch before, so that it stands for the whole chain up to
it. The CRC is CRC-32 as in zlib: it finds every burst of up to 32 bits, runs at memory speed, and is in every Python.
It guards against faults, not against forgery by one who can write the files.
"""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from msgspec import MsgspecError, msgpack

from ..errors import BatchTooLarge
from ..records import CommandRecord, Offset

__all__ = [
    "FORMAT_VERSION",
    "HEADER_SIZE",
    "MAX_BODY",
    "BadBatch",
    "BatchHeader",
    "Place",
    "batch_prefix",
    "decode_body",
    "encode_batch",
    "encode_body",
    "parse_header",
]

FORMAT_VERSION = 1
MAX_BODY = 16 << 20
"""The most bytes of a body: a length past it is damage, and is known to be before any memory is asked for."""

_MAGIC = b"2fB\x1a"
_PREFIX = Struct("<4sHHQ")
_HEADER = Struct("<4sHHQQQIIIII")
_FIELDS = Struct("<4sHHQQQIIII")
_CRC = Struct("<I")
_CRC_AT = _FIELDS.size
HEADER_SIZE = _HEADER.size

_encoder = msgpack.Encoder()
_decoder = msgpack.Decoder(list[CommandRecord])


class Place(NamedTuple):
    """Where a batch starts in its segment, and what it must say to follow the one before."""

    position: int
    sequence: int
    offset: Offset
    chain: int
    """The CRC of the batch before, or of the segment's header."""


class BatchHeader(NamedTuple):
    """The fields of a header that was sound by itself; whether it follows the batch before is another question."""

    segment_id: int
    sequence: int
    offset: Offset
    commands: int
    length: int
    before: int
    body_crc: int
    crc: int


class BadBatch(Exception):
    """The bytes at `place` are not the batch that belongs there."""

    def __init__(self, place: Place, what: str) -> None:
        self.place, self.what = place, what
        super().__init__(what)


def encode_body(commands: Sequence[CommandRecord]) -> bytes:
    """Return the body of a batch of `commands`.

    Raises:
        BatchTooLarge: it would be longer than `MAX_BODY`.
    """
    body = _encoder.encode(commands)
    if len(body) > MAX_BODY:
        raise BatchTooLarge(len(commands), len(body), MAX_BODY)
    return body


def decode_body(place: Place, body: memoryview, count: int) -> list[CommandRecord]:
    """Return the `count` commands of a body whose CRC was right.

    Raises:
        BadBatch: it holds something else all the same.
    """
    try:
        commands = _decoder.decode(body)
    except MsgspecError as error:
        raise BadBatch(place, f"the body of batch {place.sequence} is no list of commands: {error}") from error
    if len(commands) != count:
        raise BadBatch(place, f"batch {place.sequence} holds {len(commands)} commands and announces {count}")
    return commands


def batch_prefix(segment_id: int) -> bytes:
    """Return the bytes with which every batch of the segment begins, and nothing else but by a chance of 2**-64."""
    return _PREFIX.pack(_MAGIC, FORMAT_VERSION, 0, segment_id)


def encode_batch(segment_id: int, place: Place, count: int, body: bytes) -> tuple[bytes, Place]:
    """Return the bytes of a batch of `count` commands at `place`, and the place that follows it."""
    fields = _FIELDS.pack(
        _MAGIC, FORMAT_VERSION, 0, segment_id, place.sequence, place.offset, count, len(body), place.chain, crc32(body)
    )
    crc = crc32(fields)
    following = Place(place.position + HEADER_SIZE + len(body), place.sequence + 1, place.offset + count, crc)
    return b"".join((fields, _CRC.pack(crc), body)), following


def parse_header(data: memoryview) -> BatchHeader | None:
    """Return the header that `data` holds, or ``None`` where it is no sound one."""
    if len(data) != HEADER_SIZE:
        return None
    magic, version, reserved, segment_id, sequence, offset, commands, length, before, body_crc, crc = _HEADER.unpack(
        data
    )
    if magic != _MAGIC or version != FORMAT_VERSION or reserved or crc != crc32(data[:_CRC_AT]):
        return None
    if not commands or not 0 < length <= MAX_BODY:
        return None
    return BatchHeader(segment_id, sequence, offset, commands, length, before, body_crc, crc)
