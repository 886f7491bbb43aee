"""`twofold effects`: what stands in the ledger, and an operator's hand on it."""

import json
from collections.abc import Sequence

import anyio
import click
from anyio import CancelScope

from ...actors.domain import moment
from ...actors.kernel.clock import SystemClock
from ...stores.effect_records import EffectRecord, EffectState
from ...stores.sqlite.effect_ledger import SqliteEffectLedger
from ..app import App
from ..config import Config
from ..effect_search import search_effects
from ..effects import Resumed, to_send
from ..runtime import Runtime
from ..stores import DataFolder
from ..wording import counted, told_due
from .inspection import check_there

__all__ = [
    "ResumedHere",
    "find_effects",
    "mend_effects",
    "resume_consumer",
    "tell_effect",
    "tell_effects",
    "tell_resumed",
]

_MOST_AT_ONCE = 100_000


class ResumedHere(Resumed, frozen=True):
    """A consumer that sent again for a while, in this process."""

    left: int
    """How many effects it still has to send, in the end."""
    paused: str | None
    """Why it is paused once more, if it is."""


async def find_effects(
    config: Config, *, consumer: str | None, states: Sequence[EffectState], effect_ids: Sequence[str], limit: int
) -> Sequence[EffectRecord]:
    """Return what fits, read beside a running process or without one.

    Raises:
        NoData: there is nothing in the folder yet.
        UnknownConsumerName, UnknownEffect: the ledger has none of that name, or of one of the ids.
    """
    folder = DataFolder(config.data.dir)
    check_there(folder)
    ledger = await SqliteEffectLedger.open_read_only(folder.effects_db)
    try:
        return await search_effects(ledger, consumer=consumer, states=states, effect_ids=effect_ids, limit=limit)
    finally:
        with CancelScope(shield=True):
            await ledger.close()


async def mend_effects(
    app: App, config: Config, *, consumer: str | None, effect_ids: Sequence[str], again: bool, timeout: float
) -> tuple[int, Sequence[EffectRecord]]:
    """Release parked effects, all of `consumer` where no ids are given, and wait up to `timeout` seconds for their end.

    Returns how many were released, and those of them that are parked once more.
    """
    if not effect_ids:
        parked: Sequence[EffectState] = ("parked",)
        found = await find_effects(config, consumer=consumer, states=parked, effect_ids=(), limit=_MOST_AT_ONCE)
        effect_ids = [effect.effect_id for effect in found]
    if effect_ids:
        async with Runtime(app, config) as runtime:
            await runtime.release_effects(effect_ids, again=again)
            if again:
                with anyio.move_on_after(timeout):
                    await runtime.settled()
    still = await find_effects(config, consumer=consumer, states=("parked",), effect_ids=(), limit=_MOST_AT_ONCE)
    released = set(effect_ids)
    return len(effect_ids), [effect for effect in still if effect.effect_id in released]


async def resume_consumer(app: App, config: Config, name: str, timeout: float) -> ResumedHere:
    """Let a paused consumer send again, and return how that went within `timeout` seconds."""
    async with Runtime(app, config) as runtime:
        resumed = await runtime.resume_consumer(name)
        with anyio.move_on_after(timeout):
            await runtime.settled()
    left = await _left_to(name, config)
    return ResumedHere(resumed.resumed, resumed.was_paused, resumed.to_send, *left)


async def _left_to(name: str, config: Config) -> tuple[int, str | None]:
    """Return how many effects a consumer has still to send, and why it is paused, if it is."""
    ledger = await SqliteEffectLedger.open_read_only(DataFolder(config.data.dir).effects_db)
    try:
        return to_send((await ledger.counts())[name]), (await ledger.consumers())[name].paused
    finally:
        with CancelScope(shield=True):
            await ledger.close()


def tell_effects(effects: Sequence[EffectRecord]) -> None:
    """Print effects as a list, a line each, and below it what the last attempt said that failed."""
    for effect in effects:
        attempts = counted(effect.attempts, "attempt")
        click.echo(f"{effect.effect_id}  {effect.consumer}  {effect.state}  {effect.stream}  {attempts}{_next(effect)}")
        if effect.error is not None:
            click.echo(f"    {effect.error}" if _stands(effect) else f"    before that: {effect.error}")
    if not effects:
        click.echo("none")


def tell_effect(effect: EffectRecord) -> None:
    """Print all that the ledger knows of an effect, the e-mail or the purge as it was rendered included."""
    echo = click.echo
    echo(f"effect    {effect.effect_id}")
    echo(f"consumer  {effect.consumer}")
    echo(f"event     position {effect.position} in {effect.stream}, effect {effect.ordinal}")
    since, attempts = moment(effect.changed), counted(effect.attempts, "attempt")
    echo(f"state     {effect.state} since {since:%Y-%m-%d %H:%M:%S}Z, after {attempts}{_next(effect)}")
    if effect.error is not None and _stands(effect):
        echo(f"error     {effect.error}")
    elif effect.error is not None:
        echo(f"before    it failed: {effect.error}")
    if effect.result is not None:
        echo(f"result    {effect.result}")
    for name, value in (json.loads(effect.payload) if effect.payload else {}).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        echo(f"{name}:\n{text}" if "\n" in text else f"{name}: {text}")


def tell_resumed(resumed: Resumed) -> None:
    """Print what a consumer does that was told to send again, and how far it came where that was waited for."""
    goes_on = "goes on" if resumed.was_paused else "was not paused"
    effects = counted(resumed.to_send, "effect")
    if not isinstance(resumed, ResumedHere):
        click.echo(f"{resumed.resumed} {goes_on}; it has {effects} to send")
        return
    click.echo(f"{resumed.resumed} {goes_on}; it had {effects} to send, and now has {resumed.left or 'none'}")
    if resumed.paused is not None:
        click.echo(f"It is paused again: {resumed.paused}")


def _stands(effect: EffectRecord) -> bool:
    """Return whether its error says why it is in its state; otherwise it is an earlier attempt's."""
    return effect.state in ("retry", "parked", "discarded")


def _next(effect: EffectRecord) -> str:
    """Return when the effect is tried again, behind a comma, where it is to be."""
    return "" if effect.due is None else f", next attempt {told_due(effect.due, SystemClock().now())}"
