"""The pointer of the read database lasts whole, or stays the one before."""

import errno
from pathlib import Path

import pytest
from twofold.stores.errors import DiskFull, StorageFailed
from twofold.stores.sqlite.generation_files import Pointer, point_to, read_pointer

from tests.doubles.faulty_files import FaultyFiles, fail_once


def pointer_to(folder: Path, number: int) -> Pointer:
    return Pointer(folder / f"generation-{number:06}.db", None, is_filled=True)


@pytest.mark.parametrize(
    ("operation", "error", "kind"),
    [("write", errno.ENOSPC, DiskFull), ("write", errno.EIO, StorageFailed), ("sync", errno.EIO, StorageFailed)],
)
def test_a_pointer_that_cannot_be_written_leaves_the_one_before_and_says_whether_space_would_help(
    tmp_path: Path, operation: str, error: int, kind: type[Exception]
) -> None:
    files = FaultyFiles()
    point_to(pointer_to(tmp_path, 1), files)
    files.faults[operation] = fail_once(error)
    with pytest.raises(kind):
        point_to(pointer_to(tmp_path, 2), files)
    assert read_pointer(tmp_path) == pointer_to(tmp_path, 1)


def test_the_name_of_the_pointer_is_synced_before_it_counts(tmp_path: Path) -> None:
    synced: list[Pointer | None] = []
    files = FaultyFiles()
    files.faults["sync_folder"] = lambda: synced.append(read_pointer(tmp_path))
    point_to(pointer_to(tmp_path, 7), files)
    assert synced == [pointer_to(tmp_path, 7)]
