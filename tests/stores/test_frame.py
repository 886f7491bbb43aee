"""The bytes of one batch, and of the files around it, as docs/log-format.md lays them out."""

import struct
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from twofold.stores.errors import BatchTooLarge
from twofold.stores.files import Files
from twofold.stores.records import CommandRecord
from twofold.stores.segments.frame import (
    HEADER_SIZE,
    MAX_BODY,
    BadBatch,
    Place,
    decode_body,
    encode_batch,
    encode_body,
    parse_header,
)
from twofold.stores.segments.manifest import Manifest, Seal, read_manifest, write_manifest
from twofold.stores.segments.segment import SEGMENT_HEADER_SIZE, SegmentHeader, encode_header, read_header

pytestmark = pytest.mark.timeout(30)

PLACE = Place(position=500, sequence=7, offset=41, chain=0xAABBCCDD)
COMMANDS = [
    CommandRecord("id-1", "order.place", "order-1", b'{"a":1}', b"d" * 32, 1_700_000_000_000_000),
    CommandRecord("id-2", "order.place", "order-2", b"{}", b"e" * 32, 1_700_000_000_000_001, 3, "shop", "c-1"),
]


def batch() -> tuple[bytes, Place]:
    return encode_batch(0x1122334455667788, PLACE, len(COMMANDS), encode_body(COMMANDS))


def test_a_batch_has_the_documented_bytes() -> None:
    frame, _ = batch()
    body = frame[52:]
    assert frame[0:4] == b"2fB\x1a"
    assert struct.unpack("<HHQQQIIIII", frame[4:52]) == (
        *(1, 0, 0x1122334455667788, 7, 41, 2, len(body), 0xAABBCCDD),
        *(crc32(body), crc32(frame[:48])),
    )
    assert msgspec.msgpack.decode(body)[1] == [
        *("id-2", "order.place", "order-2", b"{}", b"e" * 32, 1_700_000_000_000_001, 3, "shop", "c-1")
    ]


def test_a_batch_says_where_the_next_one_belongs() -> None:
    frame, following = batch()
    assert following == Place(500 + len(frame), 8, 43, crc32(frame[:48]))


def test_a_header_reads_back_as_it_was_written() -> None:
    frame, _ = batch()
    header = parse_header(memoryview(frame)[:HEADER_SIZE])
    assert header is not None
    assert (header.segment_id, header.sequence, header.offset) == (0x1122334455667788, 7, 41)
    assert (header.commands, header.length, header.before) == (2, len(frame) - HEADER_SIZE, 0xAABBCCDD)


def test_a_body_reads_back_as_it_was_written() -> None:
    assert decode_body(PLACE, memoryview(encode_body(COMMANDS)), 2) == COMMANDS


def test_no_flipped_bit_of_a_header_goes_unnoticed() -> None:
    frame, _ = batch()
    for bit in range(HEADER_SIZE * 8):
        flipped = bytearray(frame[:HEADER_SIZE])
        flipped[bit // 8] ^= 1 << bit % 8
        assert parse_header(memoryview(flipped)) is None


def test_a_header_that_is_cut_short_is_none() -> None:
    frame, _ = batch()
    for length in range(HEADER_SIZE):
        assert parse_header(memoryview(frame)[:length]) is None


@pytest.mark.parametrize(("commands", "length"), [(0, 10), (1, 0), (1, MAX_BODY + 1)])
def test_a_header_out_of_bounds_is_none_though_its_crc_is_right(commands: int, length: int) -> None:
    fields = struct.pack("<4sHHQQQIIII", b"2fB\x1a", 1, 0, 1, 1, 1, commands, length, 0, 0)
    assert parse_header(memoryview(fields + struct.pack("<I", crc32(fields)))) is None


def test_a_body_that_is_too_long_is_refused() -> None:
    large = CommandRecord("id", "t", "s-1", bytes(MAX_BODY // 2), b"", 0)
    assert len(encode_body([large])) <= MAX_BODY
    with pytest.raises(BatchTooLarge) as refusal:
        encode_body([large, large])
    assert (refusal.value.count, refusal.value.limit) == (2, MAX_BODY)


@pytest.mark.parametrize("body", [b"\xc1", b"\x90", b"\x91\x01", msgspec.msgpack.encode(COMMANDS[:1])])
def test_a_body_that_is_no_list_of_its_commands_is_bad(body: bytes) -> None:
    with pytest.raises(BadBatch):
        decode_body(PLACE, memoryview(body), 2)


def test_a_segment_header_has_the_documented_bytes() -> None:
    header = SegmentHeader(11, 2, 41, 7, 1_700_000_000_000_000, 10, 500, 0xAABBCCDD)
    data = encode_header(header)
    assert data[:4] == b"2fS\x1a"
    assert struct.unpack("<HHQQQQQQQII", data[4:72]) == (1, 0, *header, crc32(data[:68]))
    path = Path("00000000000000000041.log")
    assert read_header(path, data) == (header, Place(SEGMENT_HEADER_SIZE, 7, 41, crc32(data[:68])))


def test_a_manifest_has_the_documented_bytes(tmp_path: Path) -> None:
    manifest = Manifest(oldest=2, newest=5, newest_id=99, seal=Seal(size=500, end=40, chain=0xAABBCCDD))
    write_manifest(Files(), tmp_path, manifest)
    data = (tmp_path / "manifest").read_bytes()
    assert data[:4] == b"2fM\x1a"
    assert struct.unpack("<HHQQQQQII", data[4:]) == (1, 1, 2, 5, 99, 500, 40, 0xAABBCCDD, crc32(data[:52]))
    assert read_manifest(Files(), tmp_path) == manifest
