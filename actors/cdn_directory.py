"""The CDN of a machine that has none: each call becomes a line of ``purges.jsonl``.

A line is ``{"effects": [...], "files": [...]}``: the ids of the effects, and what a CDN would get. A call has ended
once its line, with the line break, is synced; what stands behind the last line break was never reported as done.
"""

from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from ..stores.files import Files, is_full
from .cdn_purger import PurgeCall
from .delivery import Delivered, Delivery, TryAgain

__all__ = ["PURGES", "PurgeDirectory"]

PURGES = "purges.jsonl"
CHUNK = 1 << 16


class PurgeDirectory:
    """A `CdnProvider` that writes into `folder`. One process at a time does; the lock of the data folder sees to it."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self._file = folder / PURGES
        self._files = files or Files()
        self._one_at_a_time = anyio.Lock()

    async def send(self, call: PurgeCall) -> Delivery:
        line = msgspec.json.encode({"effects": call.effect_ids, **call.body}) + b"\n"
        async with self._one_at_a_time:
            try:
                position = await to_thread.run_sync(self._append, line)
            except OSError as error:
                what = "there is no room" if is_full(error) else str(error)
                return TryAgain(f"{self._file} took no line: {what}", slow_down=True)
        return Delivered(msgspec.json.encode({"file": PURGES, "byte": position}).decode())

    async def close(self) -> None:
        """Nothing is kept open."""

    def _append(self, line: bytes) -> int:
        """Put `line` behind the last whole one and return where it begins."""
        if not self._file.exists():
            self._create()
        descriptor = self._files.open(self._file, write=True)
        try:
            size = self._files.size(descriptor)
            end = self._end_of_lines(descriptor, size)
            if end < size:
                self._files.truncate(descriptor, end)
            self._files.write_all(descriptor, line, end)
            self._files.sync(descriptor)
        finally:
            self._files.close(descriptor)
        return end

    def _create(self) -> None:
        self._files.make_folder(self._file.parent)
        self._files.close(self._files.open(self._file, create=True))
        self._files.sync_folder(self._file.parent)

    def _end_of_lines(self, descriptor: int, size: int) -> int:
        """Return where the last whole line ends: at `size`, unless a process was killed as it wrote."""
        end = size
        while end:
            start = max(0, end - CHUNK)
            found = self._files.read(descriptor, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0
