"""`twofold effects --url` and `twofold rebuild --url`: an operator's hand on a server that goes on meanwhile."""

from collections.abc import Collection, Iterator, Sequence
from math import inf
from urllib.parse import quote

import anyio
from msgspec import Struct, structs

from ...actors.filling import RebuildProgress, Report
from ...actors.rebuilder import Rebuilt
from ...stores.effect_records import EffectRecord, EffectState
from ..effects import Resumed
from .server import Server

__all__ = ["find_effects_on_server", "mend_effects_on_server", "rebuild_on_server", "resume_consumer_on_server"]

MOST_MENDED = 10_000
"""Effects of one consumer that are released at once, the oldest."""
IDS_AT_ONCE = 100
"""So many fit into a URL."""
WHOLE_AT_ONCE = 4
"""Effects named by their ids come as rendered, and an e-mail may have 10 MiB: so many make one answer."""
BETWEEN_LOOKS = 0.25
PARKED: Sequence[EffectState] = ("parked",)
UNFINISHED: Sequence[EffectState] = ("pending", "sending", "retry")


class ListedEffect(EffectRecord, frozen=True, kw_only=True, gc=False):
    """An effect as the server lists it: as rendered only where its id was asked for."""

    payload: str = ""


class Listed(Struct, frozen=True):
    """Effects as the server lists them."""

    effects: list[ListedEffect]
    next: str | None = None
    """Where the rest of them is, where they are too large for one answer."""


class Released(Struct, frozen=True):
    """How many effects were released."""

    released: int


class UnderWay(Struct, frozen=True):
    """How far a rebuild is, if one is under way."""

    progress: RebuildProgress | None


async def find_effects_on_server(
    url: str, *, consumer: str | None, states: Collection[EffectState], effect_ids: Sequence[str], limit: int
) -> Sequence[EffectRecord]:
    """Return what fits, up to a hundred ids; without ids, without payloads. Raises as `Server.ask` does."""
    async with Server(url) as server:
        return await _listed(server, consumer=consumer, states=states, effect_ids=effect_ids, limit=limit)


async def mend_effects_on_server(
    url: str, *, consumer: str | None, effect_ids: Sequence[str], again: bool, timeout: float
) -> tuple[int, Sequence[EffectRecord]]:
    """Release parked effects, all of `consumer` where no ids are given, and wait up to `timeout` seconds for their end.

    Returns how many were released, and those of them that are parked once more; raises as `Server.ask` does.
    """
    async with Server(url) as server:
        if not effect_ids:
            parked = await _listed(server, consumer=consumer, states=PARKED, effect_ids=(), limit=MOST_MENDED)
            effect_ids = [effect.effect_id for effect in parked]
        path = f"/effects/{'retry' if again else 'discard'}"
        if not effect_ids:
            return 0, []
        released = (await server.ask("POST", path, Released, body={"effect_ids": effect_ids})).released
        if again:
            with anyio.move_on_after(timeout):
                await _until_ended(server, effect_ids)
        return released, await _still_parked(server, effect_ids)


async def resume_consumer_on_server(url: str, consumer: str) -> Resumed:
    """Let a paused consumer send again, and return what it has to send; raises as `Server.ask` does."""
    async with Server(url) as server:
        return await server.ask("POST", f"/consumers/{quote(consumer, safe='')}/resume", Resumed, body={})


async def rebuild_on_server(url: str, *, back: bool, report: Report) -> Rebuilt:
    """Rebuild the read database of a server, or go back, and return once the other generation serves.

    `report` is called with the progress now and then. Raises as `Server.ask` does; whoever gives up ends nothing.
    """

    async def look(server: Server) -> None:
        while True:
            await anyio.sleep(BETWEEN_LOOKS)
            progress = (await server.ask("GET", "/rebuild", UnderWay)).progress
            if progress is not None:
                report(progress)

    async with Server(url) as server, anyio.create_task_group() as tasks:
        tasks.start_soon(look, server)
        params = {"back": "true"} if back else None
        rebuilt = await server.ask("POST", "/rebuild", Rebuilt, params=params, body={}, waits=inf)
        tasks.cancel_scope.cancel()
    return rebuilt


async def _until_ended(server: Server, effect_ids: Sequence[str]) -> None:
    """Return once none of these effects is tried any more."""
    for ids in _in_parts(effect_ids):
        while await _listed(server, states=UNFINISHED, effect_ids=ids, limit=1):  # noqa: ASYNC110 - it is another process
            await anyio.sleep(BETWEEN_LOOKS)


async def _still_parked(server: Server, effect_ids: Sequence[str]) -> list[EffectRecord]:
    """Return those of these effects that are parked, without what was rendered: few of it are under way at a time."""
    parked: list[EffectRecord] = []
    for ids in _in_parts(effect_ids):
        left = set(ids)
        while found := await _listed(server, states=PARKED, effect_ids=sorted(left), limit=WHOLE_AT_ONCE):
            parked += (structs.replace(effect, payload="") for effect in found)
            left -= {effect.effect_id for effect in found}
            if len(found) < WHOLE_AT_ONCE or not left:
                break
    return parked


async def _listed(
    server: Server,
    *,
    consumer: str | None = None,
    states: Collection[EffectState],
    effect_ids: Sequence[str],
    limit: int,
) -> Sequence[EffectRecord]:
    params = {"states": ",".join(states), "ids": ",".join(effect_ids), "limit": str(limit)}
    if consumer is not None:
        params["consumer"] = consumer
    listed = await server.ask("GET", "/effects", Listed, params=params)
    found = listed.effects
    while listed.next is not None:
        listed = await server.ask("GET", f"/effects?{listed.next.partition('?')[2]}", Listed)
        found += listed.effects
    return found


def _in_parts(effect_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(effect_ids), IDS_AT_ONCE):
        yield effect_ids[first : first + IDS_AT_ONCE]
