"""Opening the log's folder: what is there is checked, a torn tail is cut, and everything else is refused.

Of every segment the header and the size are checked, and that they join without a gap; of the newest every batch.
The batches of older segments were durable before the next segment was made; they are checked whenever they are
read, and all of them by `audit.faults`. See docs/log-format.md for what each crash leaves and what becomes of it.
"""

from dataclasses import dataclass
from pathlib import Path

import structlog

from ..files import TEMPORARY, Files, failing, write_durably
from ..records import Offset
from .frame import BadBatch, Place
from .joins import join_faults, open_segment, seal_fault
from .manifest import MANIFEST, Manifest, read_manifest, write_manifest
from .reader import Window, find_later_batch, walk
from .retention import remove_segments
from .segment import SUFFIX, Segment, corrupt

__all__ = ["FIRST", "TORN", "Recovered", "RecoveryReport", "recover"]

TORN = ".torn"
"""Ends the name of a copy of what was cut; its segment's name and the position of the cut come before."""
FIRST = Place(0, 1, 1, 0)
"""What the first segment of a log follows: nothing."""
_log = structlog.get_logger("twofold")


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What opening the log found and did."""

    clean: bool
    """The log had been closed, or is new."""
    segments: int
    end: Offset
    torn_bytes: int = 0
    """How many bytes behind the last sound batch were cut; they were never acknowledged."""
    torn_copy: Path | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log that may be read and, past `end`, written; `segments` is empty only where the log is new."""

    segments: list[Segment]
    end: Place
    manifest: Manifest
    report: RecoveryReport


def recover(files: Files, folder: Path) -> Recovered:
    """Check the log in `folder`, cut its torn tail, if any, and return what it holds. The caller has the lock.

    Raises:
        Corruption: something that was durable is missing or damaged; nothing in the folder was changed.
        SchemaTooNew: a newer version of Twofold wrote it.
        StorageFailed, DiskFull: the folder could not be read, or the tail not be cut.
    """
    names = files.names(folder)
    manifest = read_manifest(files, folder)
    segments = [open_segment(files, folder / name) for name in names if name.endswith(SUFFIX)]
    if manifest is None:
        return _new(files, folder, segments)
    outdated = [s for s in segments if s.header.number < manifest.oldest]
    segments = [s for s in segments if s.header.number >= manifest.oldest]
    for fault in join_faults(folder, manifest, segments):
        raise fault
    if not segments:
        _remove_leftovers(files, folder, [])
        return Recovered([], FIRST, manifest, RecoveryReport(True, 0, 0))
    end, torn, copy = _settle_tail(files, segments[-1], manifest)
    _remove_leftovers(files, folder, outdated)
    newest = segments[-1].header
    if newest.number > manifest.newest:
        manifest = Manifest(manifest.oldest, newest.number, newest.id)
        write_manifest(files, folder, manifest)
    report = RecoveryReport(manifest.seal is not None, len(segments), end.offset - 1, torn, copy)
    return Recovered(segments, end, manifest, report)


def _new(files: Files, folder: Path, segments: list[Segment]) -> Recovered:
    if segments:
        raise corrupt(folder / MANIFEST, None, f"the manifest is missing beside {len(segments)} segments")
    with failing(folder, "making the folder"):
        files.make_folder(folder)
        files.sync_folder(folder.parent)
    manifest = Manifest()
    write_manifest(files, folder, manifest)
    return Recovered([], FIRST, manifest, RecoveryReport(True, 0, 0))


def _settle_tail(files: Files, tail: Segment, manifest: Manifest) -> tuple[Place, int, Path | None]:
    """Return the end of the log, how many bytes of a torn tail were cut there, and where a copy of them is."""
    with failing(tail.path, "open"):
        descriptor = files.open(tail.path, write=True)
    try:
        with failing(tail.path, "fdatasync"):
            files.sync(descriptor)
        with failing(tail.path, "dropping the cached pages"):
            files.drop_cached(descriptor)
        window = Window(files, tail.path, descriptor, tail.size)
        end, bad = _scan_tail(window, tail)
        if manifest.seal is not None and (fault := seal_fault(tail, manifest.seal, end, bad)):
            raise fault
        if bad is None:
            return end, 0, None
        torn = bytes(window.at(end.position, tail.size))
        copy = tail.path.with_name(f"{tail.path.name}.{end.position}{TORN}")
        write_durably(files, copy, torn)
        with failing(tail.path, "cutting the torn tail"):
            files.truncate(descriptor, end.position)
            files.sync(descriptor)
            files.sync_folder(tail.path.parent)
    finally:
        files.close(descriptor)
    tail.size = end.position
    _log.warning(
        "torn tail cut",
        file=str(tail.path),
        position=end.position,
        bytes=len(torn),
        what=bad.what,
        copy=str(copy),
        next="nothing: after a kill or a power cut, what was never acknowledged goes",
    )
    return end, len(torn), copy


def _scan_tail(window: Window, tail: Segment) -> tuple[Place, BadBatch | None]:
    """Return where the sound batches of the newest segment end, and what stands there if not its end.

    Raises:
        Corruption: a later batch stands behind a bad one, so that the bad one was durable once.
    """
    end = tail.first
    try:
        for batch in walk(window, tail.header.id, end):
            tail.remember(batch.place)
            end = batch.following
    except BadBatch as bad:
        later = find_later_batch(window, tail.header.id, end)
        if later is not None:
            what = f"{bad.what}, but batch {later.sequence} stands behind it at byte {later.position}"
            raise corrupt(tail.path, end.position, what) from bad
        return end, bad
    return end, None


def _remove_leftovers(files: Files, folder: Path, outdated: list[Segment]) -> None:
    """Remove what an interrupted step left: files under temporary names, and segments that the retention gave up."""
    temporary = [folder / name for name in files.names(folder) if name.endswith(TEMPORARY)]
    if temporary:
        with failing(folder, "removing temporary files"):
            for path in temporary:
                files.remove(path)
            files.sync_folder(folder)
    if outdated:
        remove_segments(files, folder, outdated)
