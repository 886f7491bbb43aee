"""The commands `twofold effects ...`."""

import sys
from functools import partial

import anyio
import click

from ...stores.effect_records import EffectState
from ..app import App
from ..client.operating import find_effects_on_server, mend_effects_on_server, resume_consumer_on_server
from ..config import Config, load_domain
from ..effects import Resumed
from .command import as_json_flag, configured, show, url_option
from .exit_codes import ExitCode
from .mending import (
    ResumedHere,
    find_effects,
    mend_effects,
    resume_consumer,
    tell_effect,
    tell_effects,
    tell_resumed,
)

__all__ = ["effects"]


@click.group(short_help="See and mend e-mails, purges and calls of your own.")
def effects() -> None:
    """See and mend what consumers do outside: e-mails, purges, calls of your own.

    What is parked was refused for good, or its attempts ran out; a paused consumer was denied access. `list` and `show`
    read beside a running process; the others need the data folder for themselves, or with --url the server that has it.

    \b
    Examples:
      twofold effects list --state parked
      twofold effects retry --consumer order-confirmation --url http://127.0.0.1:8080
      twofold effects resume order-confirmation --url http://127.0.0.1:8080
    """


_consumer = click.option("--consumer", metavar="NAME", help="Only the effects of this consumer.")
_timeout = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How many seconds to wait for what comes of it; nothing is lost after that.",
)
_states = click.Choice(["pending", "sending", "retry", "done", "parked", "discarded"])


@effects.command("list", short_help="List effects with their states and last errors.")
@configured
@_consumer
@click.option(
    "--state",
    "states",
    multiple=True,
    type=_states,
    help="Only the effects in this state; given several times, in one of these.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many effects are listed at most."
)
@url_option
@as_json_flag
def list_effects(
    config: Config | None,
    consumer: str | None,
    states: tuple[EffectState, ...],
    limit: int,
    url: str | None,
    as_json: bool,
) -> None:
    """List effects with their states and last errors, oldest first. With --url what was rendered is left out.

    \b
    Examples:
      twofold effects list --url http://127.0.0.1:8080 --state parked
      twofold effects list --consumer order-confirmation
    """
    find = partial(find_effects, config) if config is not None else partial(find_effects_on_server, str(url))
    found = anyio.run(partial(find, consumer=consumer, states=states, effect_ids=(), limit=limit))
    if as_json:
        show(found, as_json=True)
    else:
        tell_effects(found)


@effects.command("show", short_help="Show one effect whole.")
@configured
@click.argument("effect_id")
@url_option
@as_json_flag
def show_effect(config: Config | None, effect_id: str, url: str | None, as_json: bool) -> None:
    """Show one effect whole: the e-mail or the purge as it was rendered, and what the other side said.

    \b
    Examples:
      twofold effects show 00011a16cfa361b0e0e9a177c69e644d --url http://127.0.0.1:8080
      twofold effects show 00011a16cfa361b0e0e9a177c69e644d
    """
    find = partial(find_effects, config) if config is not None else partial(find_effects_on_server, str(url))
    (found,) = anyio.run(partial(find, consumer=None, states=(), effect_ids=(effect_id,), limit=1))
    if as_json:
        show(found, as_json=True)
    else:
        tell_effect(found)


@effects.command("retry", short_help="Try parked effects again, at once.")
@configured
@click.argument("effect_ids", nargs=-1)
@_consumer
@_timeout
@url_option
def retry_effects(
    config: Config | None, effect_ids: tuple[str, ...], consumer: str | None, timeout: float, url: str | None
) -> None:
    """Try parked effects again, at once: those of the ids, or all of a consumer. Exit code 1: some are parked again.

    What is parked because the domain could not render it is rendered anew.

    \b
    Examples:
      twofold effects retry --consumer order-confirmation --url http://127.0.0.1:8080
      twofold effects retry 00011a16cfa361b0e0e9a177c69e644d
    """
    _mend(config, url, effect_ids, consumer, again=True, timeout=timeout)


@effects.command("discard", short_help="Give up parked effects for good.")
@configured
@click.argument("effect_ids", nargs=-1)
@_consumer
@url_option
def discard_effects(config: Config | None, effect_ids: tuple[str, ...], consumer: str | None, url: str | None) -> None:
    """Give up parked effects for good: those of the ids, or all of a consumer.

    \b
    Examples:
      twofold effects discard 00011a16cfa361b0e0e9a177c69e644d --url http://127.0.0.1:8080
      twofold effects discard --consumer order-confirmation
    """
    _mend(config, url, effect_ids, consumer, again=False, timeout=0)


def _mend(
    config: Config | None,
    url: str | None,
    effect_ids: tuple[str, ...],
    consumer: str | None,
    *,
    again: bool,
    timeout: float,
) -> None:
    if bool(effect_ids) == (consumer is not None):
        raise click.UsageError("Give either the ids of effects, or --consumer NAME for all that it has parked.")
    if config is None:
        mend = partial(mend_effects_on_server, str(url))
    else:
        mend = partial(mend_effects, load_domain(config, App), config)
    released, still_parked = anyio.run(
        partial(mend, consumer=consumer, effect_ids=effect_ids, again=again, timeout=timeout)
    )
    click.echo(f"{released} {'tried again' if again else 'discarded'}, {len(still_parked)} parked once more")
    if still_parked:
        tell_effects(still_parked)
        sys.exit(ExitCode.NOT_DONE)


@effects.command("resume", short_help="Let a paused consumer send again.")
@configured
@click.argument("consumer")
@_timeout
@url_option
@as_json_flag
def resume(config: Config | None, consumer: str, timeout: float, url: str | None, as_json: bool) -> None:
    """Let a paused CONSUMER send again, once its access is mended, and say how many effects it has to send.

    Without --url what it sends is waited for; exit code 1: it is paused again.

    \b
    Examples:
      twofold effects resume order-confirmation --url http://127.0.0.1:8080
      twofold effects resume order-confirmation
    """
    resumed: Resumed
    if config is None:
        resumed = anyio.run(resume_consumer_on_server, str(url), consumer)
    else:
        resumed = anyio.run(resume_consumer, load_domain(config, App), config, consumer, timeout)
    if as_json:
        show(resumed, as_json=True)
    else:
        tell_resumed(resumed)
    if isinstance(resumed, ResumedHere) and resumed.paused is not None:
        sys.exit(ExitCode.NOT_DONE)
