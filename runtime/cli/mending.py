"""`twofold effects`: what stands in the ledger, and an operator's hand on it."""

import json
from collections.abc import Sequence

import anyio
import click
from anyio import CancelScope

from ...actors.domain import moment
from ...actors.kernel.clock import SystemClock
from ...stores.effect_records import EffectRecord, EffectState
from ...stores.errors import TwofoldError
from ...stores.sqlite.effect_ledger import SqliteEffectLedger
from ..app import App
from ..config import Config
from ..runtime import Runtime
from ..stores import DataFolder
from ..wording import counted, told_due

__all__ = ["NoSuchEffect", "find_effects", "mend_effects", "resume_consumer", "tell_effect", "tell_effects"]

_MOST_AT_ONCE = 100_000


class NoSuchEffect(TwofoldError):
    """The ledger has no effect that fits."""

    def __init__(self, what: str) -> None:
        super().__init__(f"No effect in the ledger fits: {what}. See `twofold effects list`.")


async def find_effects(
    config: Config, *, consumer: str | None, states: Sequence[EffectState], effect_ids: Sequence[str], limit: int
) -> Sequence[EffectRecord]:
    """Return what fits, read beside a running process or without one.

    Raises:
        NoSuchEffect: an id was given, and the ledger has none such.
    """
    file = DataFolder(config.data.dir).effects_db
    if not file.exists():
        raise NoSuchEffect(f"there is no ledger in {config.data.dir}")
    ledger = await SqliteEffectLedger.open_read_only(file)
    try:
        found = await ledger.search(consumer=consumer, states=states, effect_ids=effect_ids, limit=limit)
    finally:
        with CancelScope(shield=True):
            await ledger.close()
    missing = set(effect_ids) - {effect.effect_id for effect in found}
    if missing:
        raise NoSuchEffect(", ".join(sorted(missing)))
    return found


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


async def resume_consumer(app: App, config: Config, name: str, timeout: float) -> None:
    """Let a paused consumer send again, and wait up to `timeout` seconds for what it has to send."""
    async with Runtime(app, config) as runtime:
        await runtime.resume_consumer(name)
        with anyio.move_on_after(timeout):
            await runtime.settled()


def tell_effects(effects: Sequence[EffectRecord]) -> None:
    """Print effects as a list, a line each, with the last error below."""
    for effect in effects:
        attempts = counted(effect.attempts, "attempt")
        click.echo(f"{effect.effect_id}  {effect.consumer}  {effect.state}  {effect.stream}  {attempts}{_next(effect)}")
        if effect.error is not None:
            click.echo(f"    {effect.error}")
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
    if effect.error is not None:
        echo(f"error     {effect.error}")
    if effect.result is not None:
        echo(f"result    {effect.result}")
    for name, value in (json.loads(effect.payload) if effect.payload else {}).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        echo(f"{name}:\n{text}" if "\n" in text else f"{name}: {text}")


def _next(effect: EffectRecord) -> str:
    """Return when the effect is tried again, behind a comma, where it is to be."""
    return "" if effect.due is None else f", next attempt {told_due(effect.due, SystemClock().now())}"
