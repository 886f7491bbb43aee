"""The log's manifest: which segments there must be, and the seal of a clean stop.

Without it a missing first or last segment could not be told from one that was never there. It is replaced whole
(temporary name, sync, rename, sync of the folder), and never while a batch is being written. All numbers are
little-endian and unsigned:

    byte  size  field
       0     4  magic, ``2fM`` and 0x1A
       4     2  format version, 1
       6     2  1 if the log is sealed, or 0
       8     8  number of the oldest segment that must be there
      16     8  number of the newest, or 0 before there was one
      24     8  id of the newest, or 0
      32     8  sealed: size of the newest in bytes; or 0
      40     8  sealed: offset of the newest command; or 0
      48     4  sealed: CRC of the last batch, or of the newest segment's header where it is empty; or 0
      52     4  CRC of the bytes 0 to 51
"""

import struct
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ..errors import SchemaTooNew
from ..files import Files, failing, write_durably
from ..records import Offset
from .frame import FORMAT_VERSION, Place
from .segment import corrupt

__all__ = ["MANIFEST", "Manifest", "Seal", "read_manifest", "write_manifest"]

MANIFEST = "manifest"
_MAGIC = b"2fM\x1a"
_FIELDS = struct.Struct("<4sHHQQQQQI")
_CRC = struct.Struct("<I")
_SIZE = _FIELDS.size + _CRC.size


class Seal(NamedTuple):
    """Where the log ended when it was closed cleanly: anything else at the next open is damage."""

    size: int
    end: Offset
    chain: int

    @classmethod
    def at(cls, place: Place) -> "Seal":
        """Return the seal of a log whose next batch would stand at `place`."""
        return cls(place.position, place.offset - 1, place.chain)


class Manifest(NamedTuple):
    """The segments that there must be, by number, and the seal, which is gone while the log may be written."""

    oldest: int = 1
    newest: int = 0
    newest_id: int = 0
    seal: Seal | None = None


def read_manifest(files: Files, folder: Path) -> Manifest | None:
    """Return the manifest of the log in `folder`, or ``None`` where there is none.

    Raises:
        Corruption: it is damaged.
        SchemaTooNew: a newer version of Twofold wrote it.
    """
    path = folder / MANIFEST
    if MANIFEST not in files.names(folder):
        return None
    with failing(path, "read"):
        descriptor = files.open(path)
        try:
            data = files.read(descriptor, _SIZE + 1, 0)
        finally:
            files.close(descriptor)
    try:
        magic, version, sealed, oldest, newest, newest_id, *seal = _FIELDS.unpack_from(data)
        (crc,) = _CRC.unpack_from(data, _FIELDS.size)
    except struct.error as error:
        raise corrupt(path, 0, f"the manifest ends after {len(data)} of {_SIZE} bytes") from error
    if magic != _MAGIC or crc != crc32(data[: _FIELDS.size]):
        raise corrupt(path, 0, "the manifest is damaged")
    if version > FORMAT_VERSION:
        raise SchemaTooNew(path, version, FORMAT_VERSION)
    if len(data) != _SIZE:
        raise corrupt(path, _SIZE, "the manifest goes on past its end")
    return Manifest(oldest, newest, newest_id, Seal(*seal) if sealed else None)


def write_manifest(files: Files, folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of the log in `folder`, durably and whole.

    Raises:
        DiskFull: there was no room; the old one stands.
        StorageFailed: unknown which one a crash would leave.
    """
    oldest, newest, newest_id, seal = manifest
    is_sealed = int(seal is not None)
    fields = _FIELDS.pack(_MAGIC, FORMAT_VERSION, is_sealed, oldest, newest, newest_id, *(seal or (0, 0, 0)))
    write_durably(files, folder / MANIFEST, fields + _CRC.pack(crc32(fields)))
