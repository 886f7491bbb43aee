"""Writing the log's files: one batch after the other, the next segment when one is full, the seal at the end."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from ..errors import DiskFull, StorageFailed
from ..files import Files, failing, is_full, write_durably
from ..records import LoggedCommand, Offset
from .frame import HEADER_SIZE, encode_batch
from .manifest import Manifest, Seal, write_manifest
from .recovery import Recovered
from .retention import Retention, remove_segments
from .segment import SEGMENT_HEADER_SIZE, Segment, SegmentHeader, corrupt, encode_header, read_header

__all__ = ["SegmentWriter"]


class _Tail(NamedTuple):
    """The newest segment, open for writing."""

    segment: Segment
    descriptor: int


class SegmentWriter:
    """The one writer of the log's files. Its methods block, and wait for one another on whatever thread they are."""

    def __init__(
        self, files: Files, folder: Path, recovered: Recovered, segment_bytes: int, clock: Callable[[], float]
    ) -> None:
        self._files, self._folder, self._clock = files, folder, clock
        self._segment_bytes = segment_bytes
        self._segments = recovered.segments
        self._end = recovered.end
        """Where the next batch belongs. It moves only after `sync` returned: nothing before it is ever rewritten."""
        self._manifest = recovered.manifest
        self._tail = self._open(self._segments[-1]) if self._segments else None
        self._failure: StorageFailed | None = None
        self._one_at_a_time = Lock()

    def append(self, body: bytes, count: int) -> Offset:
        """Write `body` as the batch of the next `count` commands and return the first one's offset, once durable.

        Raises:
            DiskFull: there was no room; the log is as it was.
            StorageFailed: the disk may or may not hold the batch. From then on every append raises it.
        """
        with self._writing():
            return self._append(body, count)

    def read(self, after: Offset, limit: int) -> list[LoggedCommand]:
        """Return up to `limit` durable commands past offset `after`, from one segment.

        Raises:
            Corruption: they are not what was written, or no longer there.
        """
        with self._one_at_a_time:
            if after + 1 >= self._end.offset or limit <= 0:
                return []
            if after + 1 < self._segments[0].header.offset:
                what = f"the log starts at offset {self._segments[0].header.offset}, past offset {after + 1}"
                raise corrupt(self._folder, None, what)
            segment = next(s for s in reversed(self._segments) if s.header.offset <= after + 1)
            return segment.read(self._files, after, limit)

    def retain(self, handled: Offset, retention: Retention) -> None:
        """Delete the oldest segments that `retention` no longer asks for, none of them past offset `handled`.

        Raises:
            DiskFull: nothing was deleted.
            StorageFailed: from then on every append raises it too.
        """
        with self._writing():
            kept = retention.keep(self._segments, handled, self._clock())
            if kept == self._segments:
                return
            self._write_manifest(self._manifest._replace(oldest=kept[0].header.number))
            outdated, self._segments = self._segments[: -len(kept)], kept
            remove_segments(self._files, self._folder, outdated)

    def close(self) -> None:
        """Seal the log, unless it has failed, and release its file."""
        with self._one_at_a_time:
            try:
                if self._failure is None and self._segments and self._manifest.seal is None:
                    self._write_manifest(self._manifest._replace(seal=Seal.at(self._end)))
            finally:
                self._close_tail()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let nothing else run, and nothing more at all once the storage has failed."""
        with self._one_at_a_time:
            if self._failure is not None:
                raise StorageFailed(self._failure.file, self._failure.operation, self._failure.reason)
            try:
                yield
            except StorageFailed as failure:
                self._failure = failure
                raise

    def _append(self, body: bytes, count: int) -> Offset:
        if self._manifest.seal is not None:
            self._write_manifest(self._manifest._replace(seal=None))
        tail = self._tail
        if tail is None or self._is_full_with(len(body)):
            tail = self._roll()
        segment, descriptor, place = tail.segment, tail.descriptor, self._end
        frame, following = encode_batch(segment.header.id, place, count, body)
        try:
            self._files.write_all(descriptor, frame, place.position)
        except OSError as error:
            if not is_full(error):
                raise StorageFailed(segment.path, "write", error) from error
            with failing(segment.path, "cutting what a full disk took of a batch"):
                self._files.truncate(descriptor, place.position)
                self._files.sync(descriptor)
            raise DiskFull(segment.path) from error
        with failing(segment.path, "fdatasync"):
            self._files.sync(descriptor)
        segment.remember(place)
        segment.size = following.position
        self._end = following
        return place.offset

    def _is_full_with(self, length: int) -> bool:
        holds_a_batch = self._end.position > SEGMENT_HEADER_SIZE
        return holds_a_batch and self._end.position + HEADER_SIZE + length > self._segment_bytes

    def _roll(self) -> _Tail:
        """Make the next segment and return it, open; from then on it is the one that is written.

        Where the disk is full on the way, nothing of it stays: what is appended next may fit into the segment before.
        """
        before = self._segments[-1].header if self._segments else None
        end = self._end
        header = SegmentHeader(
            id=secrets.randbits(64),
            number=1 if before is None else before.number + 1,
            offset=end.offset,
            sequence=end.sequence,
            created=int(self._clock() * 1_000_000),
            previous_id=0 if before is None else before.id,
            previous_size=end.position,
            previous_chain=end.chain,
        )
        path, data = self._folder / header.file_name, encode_header(header)
        write_durably(self._files, path, data)
        try:
            self._write_manifest(self._manifest._replace(newest=header.number, newest_id=header.id))
        except DiskFull:
            with failing(path, "removing a segment that has no place in the manifest"):
                self._files.remove(path)
                self._files.sync_folder(self._folder)
            raise
        self._close_tail()
        _, first = read_header(path, data)
        self._tail = self._open(Segment(path, header, first, first.position))
        self._segments = [*self._segments, self._tail.segment]
        self._end = first
        return self._tail

    def _write_manifest(self, manifest: Manifest) -> None:
        write_manifest(self._files, self._folder, manifest)
        self._manifest = manifest

    def _open(self, segment: Segment) -> _Tail:
        with failing(segment.path, "open"):
            return _Tail(segment, self._files.open(segment.path, write=True))

    def _close_tail(self) -> None:
        tail, self._tail = self._tail, None
        if tail is not None:
            with failing(tail.segment.path, "close"):
                self._files.close(tail.descriptor)
