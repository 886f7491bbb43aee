"""Deleting old segments: never one too many, whenever it is interrupted."""

import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from twofold.stores.errors import Corruption, StorageFailed
from twofold.stores.records import CommandRecord
from twofold.stores.segments import SegmentLog, faults

from tests.doubles.faulty_files import FaultyFiles, fail_once

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

Open = Callable[..., Awaitable[SegmentLog]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def files() -> FaultyFiles:
    return FaultyFiles()


def commands(*names: str, size: int = 20) -> list[CommandRecord]:
    return [CommandRecord(name, "order.place", f"order-{name}", bytes(size), b"digest", 1) for name in names]


async def test_a_segment_is_deleted_only_when_handled_and_past_the_bytes_and_the_age(folder: Path) -> None:
    now = [1_000.0]

    async def open_log(retain_bytes: int) -> SegmentLog:
        return await SegmentLog.open(
            folder, segment_bytes=2_000, retain_bytes=retain_bytes, retain_age=60, clock=lambda: now[0]
        )

    def segments() -> int:
        return len(list(folder.glob("*.log")))

    log = await open_log(1_000_000)
    for i in range(100):
        await log.append(commands(f"c{i}"))
    made = segments()
    await log.retain(100)
    now[0] += 61
    await log.retain(100)
    assert segments() == made, "the bytes ask for all of them"
    await log.close()

    log = await open_log(5_000)
    now[0] -= 61
    await log.retain(100)
    assert segments() == made, "they are too young"
    now[0] += 61
    await log.retain(0)
    assert segments() == made, "none is handled"
    await log.retain(30)
    assert 0 < made - segments() < 100 // 10
    assert [each.offset for each in await log.read(30, 1)] == [31]
    await log.retain(100)
    kept = sum(path.stat().st_size for path in folder.glob("*.log"))
    assert 5_000 <= kept < 5_000 + 2_000
    await log.close()

    again = await open_log(0)
    assert again.end() == 100
    with pytest.raises(Corruption, match="starts at offset"):
        await again.read(0, 10)
    assert list(faults(folder)) == []
    await again.close()


async def test_a_failure_while_deleting_ends_the_log_too(folder: Path, files: FaultyFiles) -> None:
    log = await SegmentLog.open(folder, segment_bytes=2_000, retain_bytes=0, retain_age=0, files=files)
    for i in range(40):
        await log.append(commands(f"c{i}"))
    files.faults["sync_folder"] = fail_once(errno.EIO)
    with pytest.raises(StorageFailed):
        await log.retain(40)
    with pytest.raises(StorageFailed):
        await log.append(commands("more"))
    await log.close()
    again = await SegmentLog.open(folder)
    assert again.end() == 40
    await again.close()


async def test_segments_that_the_retention_gave_up_are_removed_after_a_crash(folder: Path) -> None:
    log = await SegmentLog.open(folder, segment_bytes=2_000, retain_bytes=0, retain_age=0)
    for i in range(40):
        await log.append(commands(f"c{i}"))
    before = {path: path.read_bytes() for path in folder.glob("*.log")}
    await log.retain(40)
    left = set(folder.glob("*.log"))
    await log.close()
    for path, data in before.items():
        if path not in left:
            path.write_bytes(data)
    again = await SegmentLog.open(folder)
    assert set(folder.glob("*.log")) == left
    assert again.end() == 40
    await again.close()
