"""The log's files without threads or an event loop: appended to, opened again and read to the end."""

import itertools
from pathlib import Path

from twofold.stores.files import Files
from twofold.stores.records import CommandRecord, LoggedCommand
from twofold.stores.segments.frame import encode_body
from twofold.stores.segments.recovery import RecoveryReport, recover
from twofold.stores.segments.writer import SegmentWriter

from tests.doubles.simulated_disk import SimulatedDisk

FOLDER = Path("/data/log")

Contents = dict[Path, bytes]
"""The files of a simulated disk."""


def command(name: str, size: int = 20) -> CommandRecord:
    return CommandRecord(name, "order.place", f"order-{name}", bytes(size), b"digest", 1_700_000_000_000_000)


class DiskLog:
    """A log that is open for writing; opening recovers what is there."""

    def __init__(self, files: Files, folder: Path = FOLDER, segment_bytes: int = 700) -> None:
        self.folder = folder
        recovered = recover(files, folder)
        self.report: RecoveryReport = recovered.report
        self.writer = SegmentWriter(files, folder, recovered, segment_bytes, lambda: 1_700_000_000.0)

    def append(self, *commands: CommandRecord) -> int:
        return self.writer.append(encode_body(commands), len(commands))

    def read_all(self) -> list[CommandRecord]:
        """Return all commands, having checked that their offsets have no gap."""
        found: list[LoggedCommand] = []
        while batch := self.writer.read(len(found), 1_000):
            found += batch
        assert [logged.offset for logged in found] == list(range(1, len(found) + 1))
        return [logged.command for logged in found]


def fill(log: DiskLog, batches: int, size: int = 20) -> list[list[CommandRecord]]:
    """Append batches of one, two and three commands and return them."""
    appended: list[list[CommandRecord]] = []
    for i in range(batches):
        batch = [command(f"c{i}-{n}", size) for n in range(i % 3 + 1)]
        log.append(*batch)
        appended.append(batch)
    return appended


def flat(batches: list[list[CommandRecord]]) -> list[CommandRecord]:
    return list(itertools.chain.from_iterable(batches))


def killed_log(batches: int = 7, size: int = 20) -> tuple[Contents, list[list[CommandRecord]]]:
    disk = SimulatedDisk()
    appended = fill(DiskLog(disk), batches, size)
    return disk.contents(), appended


def sealed_log(batches: int = 7) -> tuple[Contents, list[list[CommandRecord]]]:
    disk = SimulatedDisk()
    log = DiskLog(disk)
    appended = fill(log, batches)
    log.writer.close()
    return disk.contents(), appended


def segments_of(contents: Contents) -> list[Path]:
    return sorted(path for path in contents if path.suffix == ".log")
