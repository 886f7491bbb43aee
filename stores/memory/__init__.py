"""The stores in memory: for tests, and for a look around. They pass the suites of the real ones."""

from .effect_ledger import MemoryEffectLedger
from .event_store import MemoryEventStore
from .log import MemoryLog
from .read_store import MemoryReadStore

__all__ = ["MemoryEffectLedger", "MemoryEventStore", "MemoryLog", "MemoryReadStore"]
