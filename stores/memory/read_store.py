"""The read store in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

from ..errors import GenerationBehind, NoPreviousGeneration
from ..protocols import ReadDb, ReadGeneration, Snapshot
from ..records import Position, ProjectionSchema, Statement
from ..sqlite.generation import Generation

__all__ = ["MemoryReadStore"]


class MemoryReadStore:
    """A `ReadStore` that lasts as long as the object: SQLite itself, in memory. Open it by `in_memory`."""

    def __init__(self, serving: Generation, create: Callable[[], Awaitable[Generation]]) -> None:
        self._serving = serving
        self._previous: Generation | None = None
        self._create = create
        self.is_filled = True
        """Nothing of it outlasts a restart, so there is nothing to go on with."""

    @classmethod
    async def in_memory(cls, projections: Sequence[ProjectionSchema], *, query_timeout: float) -> Self:
        """Create a store at position 0.

        Raises:
            StatementFailed: SQLite refused the schema of a projection.
        """

        async def create() -> Generation:
            return await Generation.in_memory(projections, query_timeout=query_timeout)

        return cls(await create(), create)

    async def mark_filled(self) -> None:
        self.is_filled = True

    async def position(self) -> Position:
        return await self._serving.position()

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        await self._serving.apply(statements, expected=expected, position=position)

    async def query(self, ask: Callable[[ReadDb], Awaitable[object]]) -> Snapshot:
        return await self._serving.query(ask)

    @asynccontextmanager
    async def new_generation(self) -> AsyncIterator[ReadGeneration]:
        older, generation = self._previous, await self._create()
        try:
            yield generation
        finally:
            unused = older if generation is self._serving else generation
            if unused is not None:
                await unused.retire()

    @asynccontextmanager
    async def previous_generation(self) -> AsyncIterator[ReadGeneration]:
        if self._previous is None:
            raise NoPreviousGeneration("no earlier generation is kept")
        yield self._previous

    async def serve(self, generation: ReadGeneration) -> None:
        if not isinstance(generation, Generation):
            raise TypeError(f"{generation!r} was not opened by this store")
        position, serving = await generation.position(), await self.position()
        if position < serving:
            raise GenerationBehind(position, serving)
        self._serving, self._previous = generation, self._serving

    async def close(self) -> None:
        await self._serving.close()
        if self._previous is not None:
            await self._previous.close()
