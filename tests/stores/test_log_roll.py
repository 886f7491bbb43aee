"""A roll to the next segment that the device has no room for: what was acknowledged is there whatever comes next."""

import errno
from pathlib import Path

import pytest
from twofold.stores.errors import DiskFull
from twofold.stores.records import CommandRecord, LoggedCommand
from twofold.stores.segments import SegmentLog, faults
from twofold.stores.segments.copying import copy_log

from tests.doubles.faulty_files import FaultyFiles

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


@pytest.mark.parametrize("then", ["a smaller batch", "a smaller batch and a larger one", "a stop", "a kill"])
async def test_a_full_disk_between_a_segment_and_the_manifest_leaves_a_log_that_opens_with_all_that_was_acknowledged(
    tmp_path: Path, then: str
) -> None:
    folder, files = tmp_path / "log", FaultyFiles()
    log = await SegmentLog.open(folder, segment_bytes=1_000, files=files)
    await log.append([command("first", 500)])
    full = iter([None, OSError(errno.ENOSPC, "made to fail")])

    def fault() -> None:
        if error := next(full, None):
            raise error

    files.faults["rename"] = fault
    with pytest.raises(DiskFull):
        await log.append([command("too large for the first segment", 900)])
    assert len(list(folder.glob("*.log"))) == 1
    acknowledged = ["first"]
    if then.startswith("a smaller batch"):
        await log.append([command("small", 50)])
        acknowledged.append("small")
    if then.endswith("a larger one"):
        await log.append([command("large", 900)])
        acknowledged.append("large")
    if then == "a stop":
        await log.close()
    copy_log(folder, copy := folder.with_name("as it was then"))
    await log.close()
    for place in (folder, copy):
        assert list(faults(place)) == []
        opened = await SegmentLog.open(place)
        assert [logged.command.command_id for logged in await read_all(opened)] == acknowledged
        await opened.close()


def command(command_id: str, size: int) -> CommandRecord:
    return CommandRecord(command_id, "order.place", "order-1", bytes(size), b"digest", 1)


async def read_all(log: SegmentLog) -> list[LoggedCommand]:
    found: list[LoggedCommand] = []
    while batch := await log.read(len(found), 1_000):
        found += batch
    return found
