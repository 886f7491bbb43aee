"""The embedded log: segment files of batches, and all that opens, writes, reads and checks them."""

from .audit import LoggedBatch, TornTail, faults, findings, scan
from .log import SegmentLog
from .recovery import RecoveryReport

__all__ = ["LoggedBatch", "RecoveryReport", "SegmentLog", "TornTail", "faults", "findings", "scan"]
