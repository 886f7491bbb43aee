"""The seam to the file system: whole writes, whole files, and errors that say what happened."""

import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from twofold.stores.errors import DiskFull, StorageFailed
from twofold.stores.files import TEMPORARY, Files, write_durably

from tests.doubles.faulty_files import FaultyFiles, fail_once

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_a_short_write_is_gone_on_with(path: Path) -> None:
    files = FaultyFiles()
    files.most_bytes = 7
    descriptor = files.open(path, create=True)
    files.write_all(descriptor, bytes(range(100)), 3)
    files.close(descriptor)
    assert path.read_bytes() == bytes(3) + bytes(range(100))


def test_a_write_that_takes_nothing_ends_as_a_full_disk(path: Path) -> None:
    files = FaultyFiles()
    files.most_bytes = 0
    descriptor = files.open(path, create=True)
    with pytest.raises(OSError, match="no more bytes") as full:
        files.write_all(descriptor, b"data", 0)
    assert full.value.errno == errno.ENOSPC
    files.close(descriptor)


def test_a_write_past_the_limit_of_the_process_is_short_and_then_fails(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from twofold.stores.files import Files\n"
        "files = Files(); descriptor = files.open(Path(sys.argv[1]), create=True)\n"
        "try: files.write_all(descriptor, bytes(5000), 0)\n"
        "except OSError as error: print(error.errno, files.size(descriptor))"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    run = subprocess.run(
        [sys.executable, "-c", program, str(path)], preexec_fn=limit, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [str(errno.EFBIG), "1000"], run.stderr


def test_a_read_returns_fewer_bytes_only_at_the_end(path: Path) -> None:
    path.write_bytes(b"0123456789")
    files = Files()
    descriptor = files.open(path)
    assert files.read(descriptor, 4, 3) == b"3456"
    assert files.read(descriptor, 100, 8) == b"89"
    assert files.read(descriptor, 100, 50) == b""
    files.close(descriptor)


def test_a_folder_that_is_missing_has_no_names(tmp_path: Path) -> None:
    assert Files().names(tmp_path / "missing") == []


def test_a_file_is_replaced_whole(path: Path) -> None:
    path.write_bytes(b"old")
    write_durably(Files(), path, b"new")
    assert path.read_bytes() == b"new"
    assert Files().names(path.parent) == ["file"]


@pytest.mark.parametrize("operation", ["write", "rename"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_no_other(path: Path, operation: str, error: int) -> None:
    path.write_bytes(b"old")
    files = FaultyFiles()
    files.faults[operation] = fail_once(error)
    with pytest.raises(DiskFull) as full:
        write_durably(files, path, b"new")
    assert full.value.file == path
    assert path.read_bytes() == b"old"
    assert files.names(path.parent) == ["file"]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("write", errno.EIO),
        ("rename", errno.EIO),
        ("sync", errno.EIO),
        ("sync", errno.ENOSPC),
        ("sync_folder", errno.EIO),
        ("sync_folder", errno.ENOSPC),
    ],
)
def test_any_other_failure_and_any_of_a_sync_is_a_failure_of_the_storage(
    path: Path, operation: str, error: int
) -> None:
    files = FaultyFiles()
    files.faults[operation] = fail_once(error)
    with pytest.raises(StorageFailed):
        write_durably(files, path, b"new")


def test_the_order_is_write_sync_rename_and_sync_of_the_folder(path: Path) -> None:
    order: list[str] = []
    files = FaultyFiles()
    for operation in ("write", "sync", "rename", "sync_folder"):
        files.faults[operation] = lambda operation=operation: order.append(operation)  # type: ignore[misc]
    write_durably(files, path, b"new")
    assert order == ["write", "sync", "rename", "sync_folder"]


def test_a_temporary_name_is_told_by_its_end(path: Path) -> None:
    names: list[list[str]] = []
    files = FaultyFiles()
    files.faults["rename"] = lambda: names.append(files.names(path.parent))
    write_durably(files, path, b"new")
    assert names == [["file" + TEMPORARY]]
