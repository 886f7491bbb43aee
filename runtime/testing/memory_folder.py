"""A data folder that is none: what a runtime keeps, in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ...actors.definitions import Domain
from ...stores.memory import MemoryEffectLedger, MemoryEventStore, MemoryLog, MemoryReadStore
from ..config import Config
from ..stores import Stores
from .sent import Sent

__all__ = ["MemoryFolder"]


class MemoryFolder:
    """What a data folder holds, in memory: the log, the history and the effects outlast a runtime.

    The read database does not, and is filled anew by the next one.
    """

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.events = MemoryEventStore()
        self.effects = MemoryEffectLedger()
        self.sent = Sent()

    @asynccontextmanager
    async def open(self, config: Config, domain: Domain) -> AsyncIterator[Stores]:
        """Open it for one runtime: ``Runtime(app, open_stores=folder.open)``."""
        read = await MemoryReadStore.in_memory(domain.projections, query_timeout=config.queries.timeout)
        try:
            yield Stores(self.log, self.events, read, self.effects, self.sent)
        finally:
            await read.close()
