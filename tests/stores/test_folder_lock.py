"""One process per data folder."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode, exit_code_of
from twofold.stores.errors import DiskFull, FolderRefused, Locked
from twofold.stores.lock import FolderLock, lock_holder

pytestmark = pytest.mark.timeout(30)

HOLD = """
import sys
from pathlib import Path
from twofold.stores.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def process_that_holds(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_turned_away_with_the_id_of_the_first(tmp_path: Path) -> None:
    with process_that_holds(tmp_path) as process:
        with pytest.raises(Locked, match=f"locked by process {process.pid}") as refusal:
            FolderLock(tmp_path)
        assert (refusal.value.folder, refusal.value.pid) == (tmp_path, process.pid)
        assert lock_holder(tmp_path) == process.pid


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with process_that_holds(tmp_path) as process:
        process.kill()
        process.wait()
        assert lock_holder(tmp_path) is None
        FolderLock(tmp_path).release()


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "data")
    assert lock_holder(tmp_path / "data") == os.getpid()
    lock.release()
    lock.release()
    assert lock_holder(tmp_path / "data") is None
    FolderLock(tmp_path / "data").release()


@pytest.mark.parametrize("asked", ["/dev/full", "/proc/nowhere", "plain/data", "x" * 300])
def test_a_folder_that_cannot_be_there_is_the_settings_fault_and_not_the_devices(tmp_path: Path, asked: str) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(FolderRefused, match=r"cannot be used: .*\. Correct \[data\] dir or --data") as refused:
        FolderLock(tmp_path / asked)
    assert refused.value.folder == tmp_path / asked
    assert exit_code_of(refused.value) == ExitCode.CONFIGURATION


def test_a_second_lock_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(Locked, match=r"locked by this process itself.* Use the Runtime that has it open") as refusal:
        FolderLock(tmp_path)
    assert refusal.value.pid == os.getpid()
    lock.release()


def test_asking_who_holds_a_folder_leaves_it_as_it_is(tmp_path: Path) -> None:
    assert lock_holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    with process_that_holds(tmp_path):
        lock_holder(tmp_path)
        with pytest.raises(Locked):
            FolderLock(tmp_path)


def test_a_program_that_the_holder_starts_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        lock.release()
        FolderLock(tmp_path).release()
        child.kill()


@pytest.mark.parametrize("call", ["open", "pwrite"])
def test_no_room_for_the_lock_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "made to fail")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(DiskFull) as refused:
        FolderLock(tmp_path)
    assert exit_code_of(refused.value) == ExitCode.NO_SPACE
