"""Copying a log beside the process that writes it: as a kill at one moment would leave it."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ..errors import DiskFull, StorageFailed
from ..files import Files, failing, is_full, write_durably
from ..records import Offset
from .manifest import MANIFEST, Manifest, read_manifest
from .segment import SEGMENT_HEADER_SIZE, SUFFIX, SegmentHeader, read_header

__all__ = ["copy_log"]

PIECE = 1 << 20


def copy_log(folder: Path, target: Path, files: Files | None = None) -> Offset:
    """Copy the log in `folder` to the folder `target`, which is made, durably, and return its first offset, or 0.

    All that was acknowledged before the call is in the copy. A batch that was being written may be there in part, and
    the next open cuts it off: nobody was told of it.

    Raises:
        Corruption: the header of a segment is damaged.
        DiskFull: there is no room in `target`.
        StorageFailed: a file cannot be read or written.
    """
    files = files or Files()
    files.make_folder(target)
    with ExitStack() as stack:
        manifest, segments = open_at_one_moment(files, folder, stack)
        for name, descriptor, size in segments:
            copy_bytes(files, folder / name, descriptor, target / name, size)
    write_durably(files, target / MANIFEST, manifest)
    return first_offset(files, target, [name for name, _, _ in segments])


def first_offset(files: Files, copy: Path, names: Sequence[str]) -> Offset:
    """Return where the log in `copy` begins: retention may have given up segments that it had not removed yet."""
    manifest = read_manifest(files, copy) or Manifest()
    headers = [header_of(copy / name) for name in names]
    return min((header.offset for header in headers if header.number >= manifest.oldest), default=0)


def header_of(segment: Path) -> SegmentHeader:
    """Return the header of the file `segment`."""
    with failing(segment, "read"), segment.open("rb") as file:
        return read_header(segment, file.read(SEGMENT_HEADER_SIZE))[0]


def open_at_one_moment(files: Files, folder: Path, stack: ExitStack) -> tuple[bytes, list[tuple[str, int, int]]]:
    """Return the manifest, and the name, a descriptor and the size of each segment, as all of them were together.

    The writer changes its manifest whenever it begins a segment, deletes one, or breaks a seal. So where that is the
    same before and after, nothing happened in between but batches at the end of the newest segment.
    """
    while True:
        manifest = read_manifest_bytes(folder)
        with ExitStack() as opened:
            segments = []
            try:
                for name in files.names(folder):
                    if name.endswith(SUFFIX):
                        descriptor = files.open(folder / name)
                        opened.callback(files.close, descriptor)
                        segments.append((name, descriptor, files.size(descriptor)))
            except FileNotFoundError:  # retention was faster
                continue
            except OSError as error:
                raise StorageFailed(folder, "open", error) from error
            if read_manifest_bytes(folder) == manifest:
                stack.push(opened.pop_all())
                return manifest, segments


def read_manifest_bytes(folder: Path) -> bytes:
    with failing(folder / MANIFEST, "read"):
        return (folder / MANIFEST).read_bytes()


def copy_bytes(files: Files, source: Path, descriptor: int, target: Path, size: int) -> None:
    """Copy the first `size` bytes of an open file to a new one at `target`, and sync them."""
    with failing(target, "open"):
        copy = files.open(target, create=True)
    try:
        for position in range(0, size, PIECE):
            with failing(source, "read"):
                piece = files.read(descriptor, min(PIECE, size - position), position)
            files.write_all(copy, piece, position)
        files.sync(copy)
    except OSError as error:
        if is_full(error):
            raise DiskFull(target) from error
        raise StorageFailed(target, "write", error) from error
    finally:
        files.close(copy)
