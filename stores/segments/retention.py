"""Deleting old segments: only whole ones, only handled ones, and only past the bytes and the age to be kept."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..files import Files, failing
from ..records import Offset
from .segment import Segment

__all__ = ["Retention", "remove_segments"]


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the handled log is kept: a segment goes only when `bytes` and `seconds` both allow it."""

    bytes: int
    """At least so many bytes of the newest segments are kept."""
    seconds: float
    """A segment is kept for so long after the next one was made, by the wall clock."""

    def keep(self, segments: list[Segment], handled: Offset, now: float) -> list[Segment]:
        """Return the segments to be kept at `now`, seconds since the Unix epoch; the newest is always one."""
        size = sum(segment.size for segment in segments)
        for i, (segment, following) in enumerate(pairwise(segments)):
            size -= segment.size
            is_handled = following.header.offset - 1 <= handled
            is_old = following.header.created / 1_000_000 + self.seconds <= now
            if not is_handled or not is_old or size < self.bytes:
                return segments[i:]
        return segments[-1:]


def remove_segments(files: Files, folder: Path, segments: list[Segment]) -> None:
    """Remove the files of `segments` and the torn copies made of them; the manifest has forgotten them already.

    What a crash leaves of them goes when the log is next opened.
    """
    with failing(folder, "removing old segments"):
        for segment in segments:
            for name in files.names(folder):
                if name.startswith(segment.path.name):
                    files.remove(folder / name)
        files.sync_folder(folder)
