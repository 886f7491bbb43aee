"""The read store in memory."""

from ..sqlite.generation import Generation

__all__ = ["MemoryReadStore"]


class MemoryReadStore(Generation):
    """A `ReadStore` that lasts as long as the object: SQLite itself, in memory. Open it by `in_memory`."""
