"""What every command log promises. An adapter for another technology adds one fixture here."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from twofold.stores.errors import StoreClosed, StoreError, UnknownPartition
from twofold.stores.memory import MemoryLog
from twofold.stores.protocols import Log
from twofold.stores.records import CommandRecord
from twofold.stores.segments import SegmentLog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


@pytest.fixture(params=["segments", "memory"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    opened: Log = MemoryLog()
    if request.param == "segments":
        opened = await SegmentLog.open(tmp_path / "log", segment_bytes=2_000, retain_bytes=0, retain_age=0)
    yield opened
    await opened.close()


def commands(*names: str) -> list[CommandRecord]:
    return [
        CommandRecord(name, "order.place", f"order-{name}", b'{"quantity":1}', bytes(32), 1_700_000_000_000_000)
        for name in names
    ]


async def read_all(log: Log, after: int = 0, limit: int = 1_000) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    while batch := await log.read(after, limit):
        found += [(each.offset, each.command.command_id) for each in batch]
        after = batch[-1].offset
    return found


async def test_a_new_log_is_empty(log: Log) -> None:
    assert log.end() == 0
    assert list(await log.read(0, 10)) == []


async def test_an_append_returns_the_offset_of_its_first_command(log: Log) -> None:
    assert await log.append(commands("a", "b", "c")) == 1
    assert await log.append(commands("d")) == 4
    assert log.end() == 4


async def test_what_was_appended_is_read_back_equal(log: Log) -> None:
    full = CommandRecord("id", "order.place", "order-1", b"\x00\xff", b"digest", -1, 7, "shop", "conversation")
    await log.append([full])
    assert [each.command for each in await log.read(0, 1)] == [full]


async def test_commands_are_read_in_the_order_of_appending_without_gaps(log: Log) -> None:
    names = [f"c{i}" for i in range(100)]
    for i in range(0, 100, 7):
        await log.append(commands(*names[i : i + 7]))
    for limit in (1, 3, 1_000):
        assert await read_all(log, limit=limit) == list(enumerate(names, start=1))


async def test_a_read_starts_after_the_offset_it_is_given(log: Log) -> None:
    names = [f"c{i}" for i in range(1, 61)]
    for i in range(0, 60, 6):
        await log.append(commands(*names[i : i + 6]))
    for after in range(61):
        assert await read_all(log, after) == list(enumerate(names, start=1))[after:]


async def test_a_read_past_the_end_is_empty(log: Log) -> None:
    await log.append(commands("a"))
    assert list(await log.read(1, 10)) == []
    assert list(await log.read(99, 10)) == []


async def test_a_read_of_no_commands_is_empty(log: Log) -> None:
    await log.append(commands("a"))
    assert list(await log.read(0, 0)) == []


async def test_concurrent_appends_each_stay_in_one_piece(log: Log) -> None:
    firsts: dict[str, int] = {}

    async def append(name: str) -> None:
        firsts[name] = await log.append(commands(f"{name}1", f"{name}2"))

    async with anyio.create_task_group() as tasks:
        for name in "abcdefgh":
            tasks.start_soon(append, name)
    assert sorted(firsts.values()) == list(range(1, 17, 2))
    found = dict(await read_all(log))
    for name, first in firsts.items():
        assert (found[first], found[first + 1]) == (f"{name}1", f"{name}2")


async def test_an_empty_batch_is_refused(log: Log) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await log.append([])
    assert log.end() == 0


async def test_a_wait_returns_at_once_where_there_is_something_to_read(log: Log) -> None:
    await log.append(commands("a"))
    await log.wait(0)


async def test_a_wait_lasts_until_something_past_its_offset_is_durable(log: Log) -> None:
    ends: list[int] = []

    async def wait(after: int) -> None:
        await log.wait(after)
        ends.append(log.end())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait, 0)
        tasks.start_soon(wait, 2)
        await wait_all_tasks_blocked()
        assert ends == []
        await log.append(commands("a", "b"))
        await checkpoint()
        await wait_all_tasks_blocked()
        assert ends == [2]
        await log.append(commands("c"))
    assert ends == [2, 3]


async def test_retaining_deletes_nothing_past_what_was_handled(log: Log) -> None:
    for i in range(40):
        await log.append(commands(f"c{i}"))
    for handled in (0, 13, 40):
        await log.retain(handled)
        assert [offset for offset, _ in await read_all(log, handled)] == list(range(handled + 1, 41))
    assert log.end() == 40
    assert await log.append(commands("next")) == 41


async def test_a_read_of_what_was_deleted_is_an_error_and_no_gap(log: Log) -> None:
    for i in range(40):
        await log.append(commands(f"c{i}"))
    await log.retain(40)
    for i in range(20):  # a log may keep its newest commands in memory, whatever was deleted
        await log.append(commands(*(f"d{i}-{n}" for n in range(1_000))))
    with pytest.raises(StoreError, match="starts at offset"):
        await log.read(0, 10)


async def test_closing_twice_does_nothing(log: Log) -> None:
    await log.close()
    await log.close()


async def test_a_closed_log_says_so(log: Log) -> None:
    await log.close()
    with pytest.raises(StoreClosed):
        await log.append(commands("a"))
    with pytest.raises(StoreClosed):
        await log.read(0, 1)
    with pytest.raises(StoreClosed):
        await log.retain(0)
    with pytest.raises(StoreClosed):
        log.end()


async def test_closing_ends_the_waits(log: Log) -> None:
    async def wait() -> None:
        with pytest.raises(StoreClosed):
            await log.wait(0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await wait_all_tasks_blocked()
        await log.close()


async def test_partitions_are_numbered_from_0(log: Log) -> None:
    assert log.partitions == 1
    with pytest.raises(UnknownPartition):
        await log.append(commands("a"), partition=1)
    with pytest.raises(UnknownPartition):
        log.end(partition=1)
