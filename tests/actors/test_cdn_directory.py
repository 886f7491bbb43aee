"""Without a CDN each call is a line of a file, whole and durable before it counts as done."""

import errno
import json
from pathlib import Path

import pytest
from twofold.actors.cdn_directory import PURGES, PurgeDirectory
from twofold.actors.cdn_purger import PurgeCall
from twofold.actors.delivery import Delivered, TryAgain
from twofold.stores.files import Files

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

FIRST = PurgeCall("files", ("https://shop.example/a", "https://shop.example/b"), ("e1", "e2"))
SECOND = PurgeCall("tags", ("product-1",), ("e3",))
FIRST_LINE = b'{"effects":["e1","e2"],"files":["https://shop.example/a","https://shop.example/b"]}\n'
SECOND_LINE = b'{"effects":["e3"],"tags":["product-1"]}\n'


class RecordedFiles(Files):
    """The real files, with a note of what was written and synced, and a write or a sync that fails when told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fail: str | None = None

    def write(self, descriptor: int, data: bytes | memoryview, position: int) -> int:
        self.calls.append("write")
        if self.fail == "write":
            super().write(descriptor, data[: len(data) // 2], position)
            raise OSError(errno.ENOSPC, "full")
        return super().write(descriptor, data, position)

    def sync(self, descriptor: int) -> None:
        self.calls.append("sync")
        if self.fail == "sync":
            raise OSError(errno.EIO, "input/output error")
        super().sync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        self.calls.append("sync folder")
        super().sync_folder(folder)


async def test_each_call_is_a_line_with_its_effects_and_what_a_cdn_would_get(tmp_path: Path) -> None:
    directory = PurgeDirectory(tmp_path / "outbox")
    ends = [await directory.send(FIRST), await directory.send(SECOND)]
    await directory.close()
    assert (tmp_path / "outbox" / PURGES).read_bytes() == FIRST_LINE + SECOND_LINE
    assert ends == [Delivered('{"file":"purges.jsonl","byte":0}'), Delivered('{"file":"purges.jsonl","byte":84}')]


async def test_a_line_is_synced_before_the_call_has_ended_and_a_new_files_name_too(tmp_path: Path) -> None:
    files = RecordedFiles()
    directory = PurgeDirectory(tmp_path, files)
    await directory.send(FIRST)
    await directory.send(SECOND)
    assert files.calls == ["sync folder", "write", "sync", "write", "sync"]


@pytest.mark.parametrize("torn", [b"{", FIRST_LINE[:-1], b'{"x":"' + b"y" * 200_000, b"\0" * 70_000])
@pytest.mark.parametrize("before", [b"", SECOND_LINE])
async def test_a_torn_last_line_is_cut_before_the_next_one_is_appended(
    tmp_path: Path, torn: bytes, before: bytes
) -> None:
    (tmp_path / PURGES).write_bytes(before + torn)
    assert await PurgeDirectory(tmp_path).send(FIRST) == Delivered(f'{{"file":"purges.jsonl","byte":{len(before)}}}')
    assert (tmp_path / PURGES).read_bytes() == before + FIRST_LINE


async def test_a_line_for_which_there_is_no_room_is_tried_again_and_leaves_nothing(tmp_path: Path) -> None:
    files = RecordedFiles()
    directory = PurgeDirectory(tmp_path, files)
    await directory.send(SECOND)
    files.fail = "write"
    end = await directory.send(FIRST)
    assert isinstance(end, TryAgain)
    assert "no room" in end.error
    assert end.slow_down
    files.fail = None
    await directory.send(FIRST)
    lines = (tmp_path / PURGES).read_bytes().splitlines()
    assert [json.loads(line)["effects"] for line in lines] == [["e3"], ["e1", "e2"]]


async def test_a_line_that_was_not_synced_does_not_count_as_done(tmp_path: Path) -> None:
    files = RecordedFiles()
    files.fail = "sync"
    end = await PurgeDirectory(tmp_path, files).send(FIRST)
    assert isinstance(end, TryAgain)
    assert "input/output error" in end.error
