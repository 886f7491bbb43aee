"""The read database on SQLite: a folder of generations, of which a pointer names the one that serves."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from msgspec import Struct

from ..errors import Corruption, NoSuchStore, StorageFailed
from ..protocols import ReadDb, Snapshot
from ..records import Position, ProjectionSchema, Statement
from .faults import is_damage
from .generation import Generation
from .generation_files import discard_generations, next_generation, point_to, serving_generation, withdraw_pointer
from .projecting import fingerprints

__all__ = ["SqliteReadStore"]

log = structlog.get_logger(__name__)

DEFAULT_READERS = 4
DEFAULT_QUERY_TIMEOUT = 5.0


class Unfit(Struct, frozen=True):
    """Why the generation that the pointer names cannot serve."""

    reason: str


class SqliteReadStore:
    """Implements `ReadStore` on the serving generation of a folder.

    A generation is never repaired, but filled anew from the events: where the registered projections differ from those
    that built it, or the file is damaged, the next one is begun at position 0 and serves. The last one that served is
    kept beside it. Damage that is met only later fails the store, and is replaced at the next start.
    """

    def __init__(self, generation: Generation, *, may_withdraw: bool) -> None:
        self._serving = generation
        self._may_withdraw = may_withdraw

    @classmethod
    async def open(
        cls,
        folder: Path,
        projections: Sequence[ProjectionSchema],
        *,
        readers: int = DEFAULT_READERS,
        query_timeout: float = DEFAULT_QUERY_TIMEOUT,
        thorough: bool = False,
    ) -> "SqliteReadStore":
        """Open the serving generation in `folder`, or begin a new one where it cannot serve `projections`.

        `query_timeout` is in seconds. `thorough` looks for damage in the whole file, and takes as long as reading it.

        Raises:
            StatementFailed: SQLite refused the schema of a projection.
            SchemaTooNew: a newer version of Twofold wrote the generation.
            Locked: another process is writing to it.
            DiskFull, StorageFailed: the device has no room, or failed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        served = serving_generation(folder)
        found = await open_fit(served, projections, readers, query_timeout, thorough)
        if isinstance(found, Generation):
            return cls(found, may_withdraw=True)
        file = next_generation(folder)
        if served is not None:
            log.warning("read_db.new_generation", reason=found.reason, file=str(file))
        generation = await Generation.create(file, projections, readers=readers, query_timeout=query_timeout)
        point_to(file)
        discard_generations(folder, kept=frozenset({file, served or file}))
        return cls(generation, may_withdraw=True)

    @classmethod
    async def open_read_only(
        cls, folder: Path, *, readers: int = 1, query_timeout: float = DEFAULT_QUERY_TIMEOUT
    ) -> "SqliteReadStore":
        """Open the serving generation in `folder` beside a running process or without one; `apply` raises `ReadOnly`.

        What it shows and leaves behind is told at `Database.open_read_only`.

        Raises:
            NoSuchStore: none serves there.
            Corruption, SchemaTooNew, StorageFailed: as `open`.
        """
        file = serving_generation(folder)
        if file is None:
            raise NoSuchStore(folder)
        generation = await Generation.open_read_only(file, readers=readers, query_timeout=query_timeout)
        return cls(generation, may_withdraw=False)

    @property
    def file(self) -> Path:
        """The generation that serves."""
        return self._serving.file

    async def position(self) -> Position:
        with self._withdrawing():
            return await self._serving.position()

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        with self._withdrawing():
            await self._serving.apply(statements, expected=expected, position=position)

    async def query(self, ask: Callable[[ReadDb], Awaitable[object]]) -> Snapshot:
        with self._withdrawing():
            return await self._serving.query(ask)

    async def quick_check(self) -> list[str]:
        """Return what SQLite finds wrong in the serving generation, or nothing. It reads the whole file."""
        return await self._serving.quick_check()

    async def close(self) -> None:
        await self._serving.close()

    @contextmanager
    def _withdrawing(self) -> Iterator[None]:
        """See to it that a generation in which damage was met serves no more after the next start."""
        try:
            yield
        except StorageFailed as error:
            if self._may_withdraw and is_damage(error.__cause__):
                withdraw_pointer(self.file.parent)
            raise


async def open_fit(
    file: Path | None, projections: Sequence[ProjectionSchema], readers: int, query_timeout: float, thorough: bool
) -> Generation | Unfit:
    """Open `file` if it can serve `projections`, and say why not where it cannot."""
    if file is None:
        return Unfit("none serves yet")
    if not file.exists():
        return Unfit(f"{file} is missing")
    try:
        generation = await Generation.open(file, readers=readers, query_timeout=query_timeout)
    except Corruption as error:
        return Unfit(str(error))
    reason = await unfitness(generation, projections, thorough)
    if reason is None:
        return generation
    await generation.close()
    return Unfit(reason)


async def unfitness(generation: Generation, projections: Sequence[ProjectionSchema], thorough: bool) -> str | None:
    """Return why an open generation cannot serve `projections`, or ``None`` where it can."""
    if await generation.projections() != fingerprints(projections):
        return f"{generation.file} was built by other projections, or other versions of them"
    if thorough and (findings := await generation.quick_check()):
        return f"{generation.file} is damaged: {'; '.join(findings)}"
    return None
