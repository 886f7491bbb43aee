"""Copying a log that is written meanwhile: the copy is the log of one moment, whatever happened in between."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import from_thread, to_thread
from twofold.stores.errors import Corruption
from twofold.stores.files import Files
from twofold.stores.records import CommandRecord
from twofold.stores.segments import SegmentLog, faults, writer
from twofold.stores.segments.copying import copy_log
from twofold.stores.segments.retention import remove_segments
from twofold.stores.segments.segment import Segment

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

OPEN = partial(SegmentLog.open, segment_bytes=2_000, retain_bytes=0, retain_age=0)


class Meanwhile(Files):
    """Real files; while the folder is listed for the first time, something else happens before it or after it."""

    def __init__(self, happens: Callable[[], object], *, before: bool) -> None:
        self._happens: Callable[[], object] | None = happens
        self._before = before
        self.listed = 0

    def names(self, folder: Path) -> list[str]:
        self.listed += folder.name == "log"
        happens, self._happens = self._happens, None
        if happens is not None and self._before:
            happens()
        names = super().names(folder)
        if happens is not None and not self._before:
            happens()
        return names


async def append(log: SegmentLog, count: int) -> None:
    for number in range(count):
        await log.append([CommandRecord(f"c{log.end()}-{number}", "order.place", "order-1", bytes(100), b"digest", 1)])


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("what", ["segments were begun", "segments were deleted", "it was sealed no more"])
async def test_a_copy_is_the_log_of_one_moment(tmp_path: Path, what: str, *, before: bool) -> None:
    log = await OPEN(tmp_path / "log")
    await append(log, 60)
    if what == "it was sealed no more":
        await log.close()
        log = await OPEN(tmp_path / "log")
    acknowledged = log.end()

    async def happen() -> None:
        if what == "segments were deleted":
            await log.retain(50)
        else:
            await append(log, 60 if what == "segments were begun" else 1)

    files = Meanwhile(lambda: from_thread.run(happen), before=before)
    first = await to_thread.run_sync(copy_log, tmp_path / "log", tmp_path / "copy", files)
    assert files.listed == 2, "what was found at first was of two moments"
    with anyio.fail_after(20):
        await log.close()
    assert list(faults(tmp_path / "copy")) == []
    copy = await OPEN(tmp_path / "copy")
    assert copy.end() >= acknowledged
    assert (await copy.read(first - 1, 1))[0].offset == first
    await copy.close()


async def test_a_copy_of_a_log_without_a_command_is_one(tmp_path: Path) -> None:
    await (await OPEN(tmp_path / "log")).close()
    assert copy_log(tmp_path / "log", tmp_path / "copy") == 0
    copy = await OPEN(tmp_path / "copy")
    assert copy.end() == 0
    await copy.close()


async def test_a_copy_begins_behind_the_segments_that_retention_has_given_up_and_not_removed_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await OPEN(tmp_path / "log")
    await append(log, 60)
    copied = list[int]()

    def copy_and_remove(files: Files, folder: Path, outdated: list[Segment]) -> None:
        copied.append(copy_log(folder, tmp_path / "copy"))
        remove_segments(files, folder, outdated)

    monkeypatch.setattr(writer, "remove_segments", copy_and_remove)
    await log.retain(50)
    await log.close()
    copy = await OPEN(tmp_path / "copy")
    assert copied[0] > 1
    assert (await copy.read(copied[0] - 1, 1))[0].offset == copied[0]
    with pytest.raises(Corruption, match=f"starts at offset {copied[0]}"):
        await copy.read(copied[0] - 2, 1)
    await copy.close()
