"""The folder that takes e-mails and purges where there is no server: whole, however many write at once."""

from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import anyio
import msgspec
import pytest
from twofold import Purge
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.kernel.clock import SystemClock
from twofold.runtime.outbox import FolderOutbox
from twofold.stores.effect_records import EffectRecord
from twofold.stores.files import Files

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_consumers_that_purge_at_the_same_time_do_not_overwrite_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = FolderOutbox(tmp_path / "outbox")
    pages, pictures = (outbox.purger(CdnSettings(), SystemClock()) for _ in range(2))
    assert await pages.deliver([effect("first")])
    both_found_the_end, size = Barrier(2, timeout=0.2), Files.size

    def size_for_both(files: Files, descriptor: int) -> int:
        """Let two writers that are here at the same time find the same end; one that is alone goes on."""
        found = size(files, descriptor)
        with suppress(BrokenBarrierError):
            both_found_the_end.wait()
        return found

    monkeypatch.setattr(Files, "size", size_for_both)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pages.deliver, [effect("page")])
        tasks.start_soon(pictures.deliver, [effect("picture")])
    lines = (tmp_path / "outbox" / "purges.jsonl").read_bytes().splitlines()
    assert sorted(msgspec.json.decode(line)["tags"][0] for line in lines) == ["first", "page", "picture"]


def effect(name: str) -> EffectRecord:
    payload = msgspec.json.encode(Purge(tags=(name,))).decode()
    return EffectRecord(name, "pages", 1, 0, "page-1", payload, "sending", 1, None, None, 0)
