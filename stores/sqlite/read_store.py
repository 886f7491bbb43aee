"""The read database on SQLite: a folder of generations, of which a pointer names the one that serves."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import msgspec
import structlog
from anyio import CancelScope, to_thread

from ..errors import GenerationBehind, NoPreviousGeneration, NoSuchStore, ReadOnly, StorageFailed
from ..protocols import ReadDb, ReadGeneration, Snapshot
from ..records import Position, ProjectionSchema, Statement
from .faults import is_damage
from .fitness import Unfit, open_fit
from .generation import Generation
from .generation_files import (
    Pointer,
    delete_generation,
    discard_generations,
    next_generation,
    point_to,
    read_pointer,
    withdraw_pointer,
)

__all__ = ["SqliteReadStore"]

log = structlog.get_logger("twofold")

DEFAULT_READERS = 4
DEFAULT_QUERY_TIMEOUT = 5.0


class SqliteReadStore:
    """Implements `ReadStore` on the generations of a folder.

    A generation is never repaired, but filled anew from the events: where the registered projections differ from those
    that built it, or the file is damaged, the last one that was filled serves again if it can, or else a new one is
    begun at position 0 and serves. The last one that was filled is kept beside it. Damage that is met only later fails
    the store, and is replaced at the next start.
    """

    def __init__(
        self,
        generation: Generation,
        pointer: Pointer,
        *,
        create: Callable[[Path], Awaitable[Generation]] | None = None,
        open_kept: Callable[[Path], Awaitable[Generation | Unfit]] | None = None,
    ) -> None:
        """Serve from `generation`; without the last two nothing is ever written."""
        self._serving = generation
        self._pointer = pointer
        self._create = create
        self._open_kept = open_kept
        self._retired: Generation | None = None
        """The one that served before, which the last query that reads it closes."""

    @classmethod
    async def open(
        cls,
        folder: Path,
        projections: Sequence[ProjectionSchema],
        *,
        readers: int = DEFAULT_READERS,
        query_timeout: float = DEFAULT_QUERY_TIMEOUT,
    ) -> "SqliteReadStore":
        """Open the serving generation in `folder`, or another one where it cannot serve `projections`.

        `query_timeout` is in seconds. Damage is looked for where it shows at once, not in the whole file.

        Raises:
            StatementFailed: SQLite refused the schema of a projection.
            SchemaTooNew: a newer version of Twofold wrote the generation.
            Locked: another process is writing to it.
            DiskFull, StorageFailed: the device has no room, or failed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        create = partial(Generation.create, projections=projections, readers=readers, query_timeout=query_timeout)
        fit = partial(open_fit, projections=projections, readers=readers, query_timeout=query_timeout)
        pointer = read_pointer(folder)
        generation = await fit(None if pointer is None else pointer.serving, thorough=False)
        if pointer is None or isinstance(generation, Unfit):
            earlier = await fit(None if pointer is None else pointer.kept, thorough=False)
            other = await create(next_generation(folder)) if isinstance(earlier, Unfit) else earlier
            if pointer is not None and isinstance(generation, Unfit):
                log.warning(
                    "read database begins another generation",
                    reason=generation.reason,
                    file=str(other.file),
                    next="wait: queries are refused until it is filled, and twofold status shows how far that is",
                )
            filled = None if pointer is None else pointer.last_filled()
            pointer = Pointer(other.file, None if filled == other.file else filled, is_filled=False)
            point_to(pointer)
            generation = other
        discard_generations(pointer)
        return cls(generation, pointer, create=create, open_kept=partial(fit, thorough=True))

    @classmethod
    async def open_read_only(
        cls, folder: Path, *, readers: int = 1, query_timeout: float = DEFAULT_QUERY_TIMEOUT
    ) -> "SqliteReadStore":
        """Open the serving generation in `folder` beside a running process or without one; to write is `ReadOnly`.

        What it shows and leaves behind is told at `Database.open_read_only`.

        Raises:
            NoSuchStore: none serves there.
            Corruption, SchemaTooNew, StorageFailed: as `open`.
        """
        pointer = read_pointer(folder)
        if pointer is None:
            raise NoSuchStore(folder)
        generation = await Generation.open_read_only(pointer.serving, readers=readers, query_timeout=query_timeout)
        return cls(generation, pointer)

    @property
    def file(self) -> Path:
        """The generation that serves."""
        return self._serving.file

    @property
    def is_filled(self) -> bool:
        return self._pointer.is_filled

    async def mark_filled(self) -> None:
        await self._point_to(msgspec.structs.replace(self._pointer, is_filled=True))

    async def position(self) -> Position:
        with self._withdrawing():
            return await self._serving.position()

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        with self._withdrawing():
            await self._serving.apply(statements, expected=expected, position=position)

    async def query(self, ask: Callable[[ReadDb], Awaitable[object]]) -> Snapshot:
        with self._withdrawing():
            return await self._serving.query(ask)

    @asynccontextmanager
    async def new_generation(self) -> AsyncIterator[ReadGeneration]:
        if self._create is None:
            raise ReadOnly(self.file.parent)
        file = next_generation(self.file.parent)
        try:
            async with self._beside(await self._create(file)) as generation:
                yield generation
        finally:
            if file != self.file:
                delete_generation(file)

    @asynccontextmanager
    async def previous_generation(self) -> AsyncIterator[ReadGeneration]:
        if self._open_kept is None:
            raise ReadOnly(self.file.parent)
        kept = self._pointer.kept
        if kept is None:
            raise NoPreviousGeneration("no earlier generation is kept")
        if self._retired is not None:
            await self._retired.until_closed()  # one file is never open twice in a process
        found = await self._open_kept(kept)
        if isinstance(found, Unfit):
            raise NoPreviousGeneration(found.reason)
        async with self._beside(found) as generation:
            yield generation

    async def serve(self, generation: ReadGeneration) -> None:
        if not isinstance(generation, Generation):
            raise TypeError(f"{generation!r} was not opened by this store")
        position, serving = await generation.position(), await self.position()
        if position < serving:
            raise GenerationBehind(position, serving)
        await generation.checkpoint()
        with CancelScope(shield=True):
            await self._point_to(Pointer(generation.file, self.file, is_filled=True))
            self._serving, self._retired = generation, self._serving

    async def close(self) -> None:
        with CancelScope(shield=True):
            await self._serving.close()
            if self._retired is not None:
                await self._retired.close()

    @asynccontextmanager
    async def _beside(self, generation: Generation) -> AsyncIterator[Generation]:
        """Close `generation` in the end, or, if it serves by then, the one that it replaced."""
        try:
            yield generation
        finally:
            if self._serving is not generation:
                await generation.close()
            elif self._retired is not None:
                await self._retired.retire()
                discard_generations(self._pointer)

    async def _point_to(self, pointer: Pointer) -> None:
        with CancelScope(shield=True):
            await to_thread.run_sync(point_to, pointer)
            self._pointer = pointer

    @contextmanager
    def _withdrawing(self) -> Iterator[None]:
        """See to it that a generation in which damage was met serves no more after the next start."""
        try:
            yield
        except StorageFailed as error:
            if self._create is not None and is_damage(error.__cause__):
                withdraw_pointer(self.file.parent)
            raise
