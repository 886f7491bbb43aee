"""The embedded log: segment files of batches, and all that opens, writes, reads and checks them."""

from .log import SegmentLog

__all__ = ["SegmentLog"]
