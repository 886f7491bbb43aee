"""Whether a generation of the read database can serve the projections that are registered."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from ..errors import Corruption
from ..records import ProjectionSchema
from .generation import Generation
from .projecting import fingerprints

__all__ = ["Unfit", "open_fit"]


class Unfit(Struct, frozen=True):
    """Why a generation cannot serve."""

    reason: str


async def open_fit(
    file: Path | None, projections: Sequence[ProjectionSchema], *, readers: int, query_timeout: float, thorough: bool
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
    try:
        reason = await unfitness(generation, projections, thorough)
    except BaseException:
        await generation.close()
        raise
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
