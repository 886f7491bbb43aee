"""Tools for the tests of a domain. They need no test framework: what fails raises an ``AssertionError``."""

from .given import Given, Happened
from .history import meta_of
from .memory_folder import MemoryFolder
from .memory_runtime import MemoryRuntime
from .read_side import ReadSide
from .rendered import emails_of, purges_of
from .round_trips import check_round_trips
from .sent import Sent
from .verdict import Verdict
from .virtual_clock import START, VirtualClock

__all__ = [
    "START",
    "Given",
    "Happened",
    "MemoryFolder",
    "MemoryRuntime",
    "ReadSide",
    "Sent",
    "Verdict",
    "VirtualClock",
    "check_round_trips",
    "emails_of",
    "meta_of",
    "purges_of",
]
