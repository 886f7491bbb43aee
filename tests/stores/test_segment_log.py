"""The embedded log on real files: what its callers see of threads, failures and memory."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from twofold.stores.errors import BatchTooLarge, Corruption, DiskFull, StorageFailed
from twofold.stores.records import CommandRecord
from twofold.stores.segments import SegmentLog, faults, scan
from twofold.stores.segments.frame import MAX_BODY

from tests.doubles.faulty_files import FaultyFiles, fail_once

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

Open = Callable[..., Awaitable[SegmentLog]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def files() -> FaultyFiles:
    return FaultyFiles()


@pytest.fixture
async def log(folder: Path, files: FaultyFiles) -> AsyncIterator[SegmentLog]:
    opened = await SegmentLog.open(folder, segment_bytes=2_000, files=files)
    yield opened
    await opened.close()


def commands(*names: str, size: int = 20) -> list[CommandRecord]:
    return [CommandRecord(name, "order.place", f"order-{name}", bytes(size), b"digest", 1) for name in names]


async def ids(log: SegmentLog) -> list[str]:
    found: list[str] = []
    while batch := await log.read(len(found), 1_000):
        found += [each.command.command_id for each in batch]
    return found


async def test_a_log_opened_again_holds_what_was_appended(folder: Path) -> None:
    names = [f"c{i}" for i in range(200)]
    log = await SegmentLog.open(folder, segment_bytes=2_000)
    for i in range(0, 200, 9):
        await log.append(commands(*names[i : i + 9]))
    await log.close()
    again = await SegmentLog.open(folder, segment_bytes=2_000)
    assert again.recovery.clean
    assert again.recovery.segments > 3
    assert again.end() == 200
    assert await ids(again) == names
    assert await again.append(commands("more")) == 201
    await again.close()


async def test_a_reader_that_keeps_up_reads_no_disk(log: SegmentLog, files: FaultyFiles) -> None:
    for i in range(50):
        await log.append(commands(f"c{i}"))
    reads = files.reads
    assert len(await ids(log)) == 50
    assert files.reads == reads


async def test_the_newest_commands_in_memory_are_bounded(folder: Path, files: FaultyFiles) -> None:
    log = await SegmentLog.open(folder, files=files)
    for i in range(6):
        await log.append(commands(f"c{i}", size=4 << 20))
    assert len(log._recent.read(log._recent.after, 1_000)) == 3
    assert await ids(log) == [f"c{i}" for i in range(6)]
    for i in range(20):
        await log.append(commands(*(f"d{i}-{n}" for n in range(300))))
    assert len(log._recent.read(log._recent.after, 100_000)) == 900
    await log.append(commands(*(f"e-{n}" for n in range(2_000))))
    assert len(log._recent.read(log._recent.after, 100_000)) == 2_000
    await log.close()


async def test_a_read_of_large_commands_stops_early_and_leaves_none_out(folder: Path) -> None:
    log = await SegmentLog.open(folder)
    for i in range(8):
        await log.append(commands(f"c{i}", size=1 << 20))
    await log.close()
    log = await SegmentLog.open(folder)
    assert len(await log.read(0, 1_000)) == 4
    assert await ids(log) == [f"c{i}" for i in range(8)]
    await log.close()


async def test_nothing_is_read_before_it_is_durable(log: SegmentLog, files: FaultyFiles) -> None:
    syncing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        syncing.set()
        assert go_on.wait(10)

    await log.append(commands("before"))
    files.faults["sync"] = wait
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.append, commands("in-flight"))
        assert await anyio.to_thread.run_sync(syncing.wait, 5)
        assert log.end() == 1
        assert [each.command.command_id for each in await log.read(0, 10)] == ["before"]
        go_on.set()
    assert log.end() == 2


async def test_cancelling_an_append_does_not_cancel_the_write(log: SegmentLog, files: FaultyFiles) -> None:
    syncing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        syncing.set()
        assert go_on.wait(10)

    files.faults["sync"] = wait
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.append, commands("a"))
        assert await anyio.to_thread.run_sync(syncing.wait, 5)
        tasks.cancel_scope.cancel()
        go_on.set()
    assert log.end() == 1
    assert await ids(log) == ["a"]
    del files.faults["sync"]
    assert await log.append(commands("b")) == 2


async def test_an_append_cancelled_while_another_is_in_flight_appends_nothing(
    log: SegmentLog, files: FaultyFiles
) -> None:
    syncing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        syncing.set()
        assert go_on.wait(10)

    files.faults["sync"] = wait
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.append, commands("a"))
        assert await anyio.to_thread.run_sync(syncing.wait, 5)
        async with anyio.create_task_group() as cancelled:
            cancelled.start_soon(log.append, commands("b"))
            await wait_all_tasks_blocked()
            cancelled.cancel_scope.cancel()
        go_on.set()
    assert await ids(log) == ["a"]


async def test_a_task_that_asyncio_kills_during_an_append_puts_no_later_command_in_a_wrong_place(
    log: SegmentLog, files: FaultyFiles
) -> None:
    syncing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        syncing.set()
        assert go_on.wait(10)

    await log.append(commands("a"))
    files.faults["sync"] = wait
    task = asyncio.ensure_future(log.append(commands("b")))
    assert await anyio.to_thread.run_sync(syncing.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    later = asyncio.ensure_future(log.append(commands("c")))
    await wait_all_tasks_blocked()
    go_on.set()
    assert await later == 3
    assert await ids(log) == ["a", "b", "c"]
    assert [each.offset for each in await log.read(2, 10)] == [3]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_refuses_the_append_and_resumes_by_itself(
    folder: Path, log: SegmentLog, files: FaultyFiles, error: int
) -> None:
    await log.append(commands("a"))
    files.faults["write"] = fail_once(error)
    with pytest.raises(DiskFull):
        await log.append(commands("refused"))
    assert await ids(log) == ["a"]
    assert await log.append(commands("b")) == 2
    assert [batch.first for batch in scan(folder)] == [1, 2]


async def test_what_a_full_disk_took_of_a_batch_is_cut_durably(
    folder: Path, log: SegmentLog, files: FaultyFiles
) -> None:
    await log.append(commands("a"))
    (path,) = folder.glob("*.log")
    size = path.stat().st_size
    full = iter([None, OSError(errno.ENOSPC, "made to fail")])

    def fault() -> None:
        if error := next(full, None):
            raise error

    done = list[str]()
    files.faults |= {"truncate": lambda: done.append("cut"), "sync": lambda: done.append("synced")}
    files.most_bytes, files.faults["write"] = 10, fault
    with pytest.raises(DiskFull):
        await log.append(commands("refused"))
    assert path.stat().st_size == size
    assert done == ["cut", "synced"], "the next segment says how long this one is"


async def test_a_batch_that_cannot_be_cut_back_ends_the_log(log: SegmentLog, files: FaultyFiles) -> None:
    await log.append(commands("a"))
    files.faults |= {"write": fail_once(errno.ENOSPC), "truncate": fail_once(errno.EIO)}
    with pytest.raises(StorageFailed):
        await log.append(commands("b"))
    with pytest.raises(StorageFailed):
        await log.append(commands("c"))


@pytest.mark.parametrize(
    ("operation", "error"), [("sync", errno.EIO), ("sync", errno.ENOSPC), ("write", errno.EIO), ("write", errno.EFBIG)]
)
async def test_after_a_failure_of_the_storage_the_log_takes_no_more(
    folder: Path, log: SegmentLog, files: FaultyFiles, operation: str, error: int
) -> None:
    await log.append(commands("a"))
    files.faults[operation] = fail_once(error)
    for _ in range(3):
        with pytest.raises(StorageFailed):
            await log.append(commands("b"))
    assert await ids(log) == ["a"]
    await log.close()
    again = await SegmentLog.open(folder)
    assert not again.recovery.clean
    assert (await ids(again))[:1] == ["a"]
    await again.close()


async def test_a_batch_that_is_too_large_is_refused_before_anything_is_written(
    folder: Path, log: SegmentLog, files: FaultyFiles
) -> None:
    await log.append(commands("a"))
    files.faults["write"] = lambda: pytest.fail("something was written")
    with pytest.raises(BatchTooLarge):
        await log.append(commands("large", size=MAX_BODY))
    del files.faults["write"]
    assert await log.append(commands("b")) == 2


async def test_the_log_can_be_audited_while_it_is_written(folder: Path, log: SegmentLog) -> None:
    for i in range(60):
        await log.append(commands(f"c{i}"))
        if i % 7 == 0:
            assert sum(len(batch.commands) for batch in scan(folder)) == i + 1
            assert list(faults(folder)) == []


async def test_damage_in_an_older_segment_is_refused_when_it_is_read(folder: Path) -> None:
    log = await SegmentLog.open(folder, segment_bytes=2_000)
    for i in range(60):
        await log.append(commands(f"c{i}"))
    await log.close()
    oldest = min(folder.glob("*.log"))
    data = bytearray(oldest.read_bytes())
    data[500] ^= 1
    oldest.write_bytes(data)
    again = await SegmentLog.open(folder)
    with pytest.raises(Corruption) as refusal:
        await ids(again)
    assert refusal.value.file == oldest
    assert [fault.file for fault in faults(folder)] == [oldest]
    await again.close()
