"""The read side of a domain without the rest: events go into a read database in memory, and queries are asked."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

from ...actors.projector import apply_events
from ...stores.memory import MemoryReadStore
from ...stores.records import Position, Statement
from ..app import App
from ..queries import ask
from .history import History
from .virtual_clock import START

__all__ = ["ReadSide"]

_QUERY_TIMEOUT = 10.0


class ReadSide:
    """The projections and queries of `app`: ``async with ReadSide(app) as shop``."""

    def __init__(self, app: App) -> None:
        self._domain = app.domain()
        self._history = History(self._domain)
        self._store: MemoryReadStore

    async def __aenter__(self) -> Self:
        self._store = await MemoryReadStore.in_memory(self._domain.projections, query_timeout=_QUERY_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._store.close()

    async def happened(
        self,
        *events: Struct,
        key: str = "1",
        at: datetime = START,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Project `events`, one after the other, as the next ones of the stream of their decider and `key`.

        Raises:
            ProjectionFailed: a projection raised, or SQLite refused its statement.
            AssertionError: an event does not come back from its stored form as it was.
            TypeError: it is no event of the domain.
        """
        for event in events:
            record = self._history.record(event, key=key, at=at, principal=principal, correlation_id=correlation_id)
            await apply_events(self._domain, [record], self._apply)

    async def ask(self, query: str, /, **parameters: object) -> Any:
        """Return what the query of that name answers on all that happened; raises as `Runtime.query` does."""
        return (await ask(self._domain, self._store, query, parameters)).value

    async def _apply(self, statements: Sequence[Statement], position: Position) -> None:
        await self._store.apply(statements, expected=position - 1, position=position)
