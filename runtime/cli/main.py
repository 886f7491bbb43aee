"""The command line: `twofold`.

Commands that read open the data folder beside a running process; `send` opens it to write and holds its lock. Answers
go to standard output, everything else to standard error, so that a script can take the one without the other.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import anyio
import click
import msgspec

from ...actors.rebuilder import Rebuilt
from ..app import App
from ..config import Config, load_domain
from ..history import read_time
from .backup import backup
from .command import as_json_flag, configured, show, url_option
from .effects import effects
from .exit_codes import ExitCode
from .inspection import how_to_catch_up, put_query, read_history, read_state
from .log import log
from .logs import configure_logs
from .rebuild import run_rebuild, run_rebuild_on_server, tell_rebuilt
from .status import read_status
from .submitting import run, send
from .verify import run_verify, tell_report

__all__ = ["main"]

F = TypeVar("F", bound=Callable[..., Any])

_EXIT_CODES = "\n".join(("\b", "Exit codes:", *(f"  {code.value:<4}{code.meaning}" for code in ExitCode)))


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twofold")
def main() -> None:
    """Durable commands, an auditable history and a fast read side, in one process.

    A folder with a config.toml names the domain (`[app] domain = "module:app"`) and where its data is kept.

    \b
    Examples:
      twofold check
      twofold run
      twofold send commands.ndjson --url http://127.0.0.1:8080
      twofold query shop.totals
      twofold status
    """
    configure_logs(sys.stderr)


@main.command()
@configured
def check(config: Config) -> None:
    """Check the settings and the domain, without starting anything.

    \b
    Example:
      twofold check --config shop/config.toml
    """
    domain = load_domain(config, App).domain()
    click.echo(f"{config.file or 'no config.toml'}: good. Data folder: {config.data.dir}")
    click.echo(f"{domain.name}: good.")
    for what, names in (
        ("deciders", domain.deciders),
        ("commands", domain.commands),
        ("events", domain.events),
        ("projections", [projection.name for projection in domain.projections]),
        ("queries", domain.queries),
        ("consumers of effects", domain.effects),
    ):
        click.echo(f"  {what}: {', '.join(names) or 'none'}")


@main.command(short_help="Put a query to the read database.")
@configured
@click.argument("name")
@click.argument("parameters", metavar="[KEY=VALUE]...", nargs=-1)
@url_option
@click.option(
    "--min-position",
    type=click.IntRange(min=0),
    help="With --url: answer once the read database is at this position, for which it waits 30 s at most.",
)
@as_json_flag
def query(
    config: Config | None,
    name: str,
    parameters: tuple[str, ...],
    url: str | None,
    min_position: int | None,
    as_json: bool,
) -> None:
    """Put the query NAME to the read database, beside a running process or without one.

    With --url a server is asked, such as "twofold run", and no settings and no domain are needed here. How long a query
    may take, [queries] timeout in the settings says, 5 s unless set.

    \b
    Examples:
      twofold query shop.order id=536365 --url http://127.0.0.1:8080 --min-position 1
      twofold query shop.totals
      twofold query shop.top_countries limit=3 --json
    """
    pairs: dict[str, str] = {}
    for parameter in parameters:
        key, value = _key_and_value(parameter)
        if key in pairs:
            raise click.UsageError(f"The parameter {key!r} is given twice.")
        pairs[key] = value
    if config is None:
        from ..client.querying import put_query_to_server  # noqa: PLC0415 - the client loads on first use

        answer, head = anyio.run(put_query_to_server, str(url), name, pairs, min_position)
        how = answer.projector_halted or "the server is behind"
    elif min_position is not None:
        raise click.UsageError("--min-position waits for a running process: say which one with --url.")
    else:
        answer, head = anyio.run(put_query, load_domain(config, App).domain(), config, name, pairs)
        how = how_to_catch_up(config)
    show(answer if as_json else answer.value, as_json=as_json)
    click.echo(f"at position {answer.position} of {head}", err=True)
    if answer.position < head:
        click.echo(f"The rest is not projected yet: {how}.", err=True)


def _key_and_value(parameter: str) -> tuple[str, str]:
    key, separator, value = parameter.partition("=")
    if not separator or not key:
        raise click.UsageError(f"{parameter!r} is not of the form KEY=VALUE.")
    return key, value


@main.command()
@configured
@click.argument("stream")
@as_json_flag
def history(config: Config, stream: str, as_json: bool) -> None:
    """Show all that happened in STREAM, oldest first.

    \b
    Example:
      twofold history order-536365
    """
    for event in anyio.run(read_history, load_domain(config, App).domain(), config, stream):
        if as_json:
            show(event, as_json=True)
        else:
            click.echo(
                f"{event.version:>5}  {event.time:%Y-%m-%d %H:%M:%S.%f}Z  {event.type}  at position {event.position}, "
                f"by command {event.command_id}\n       {msgspec.json.encode(event.event).decode()}"
            )


def _time(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    try:
        return None if text is None else read_time(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@main.command()
@configured
@click.argument("stream")
@click.option(
    "--version",
    type=click.IntRange(min=0),
    help="The state after the event of this version in the stream; 0 is before the first.",
)
@click.option("--at", metavar="TIME", callback=_time, help="The state at this time, such as 2011-05-31T12:00:00Z.")
@as_json_flag
def state(config: Config, stream: str, version: int | None, at: datetime | None, as_json: bool) -> None:
    """Show the state of STREAM: the newest one, or an earlier one.

    \b
    Examples:
      twofold state product-85123A
      twofold state product-85123A --version 3
      twofold state product-85123A --at 2011-05-31T12:00:00Z
    """
    if version is not None and at is not None:
        raise click.UsageError("A state is asked for by --version or by --at, not by both.")
    domain = load_domain(config, App).domain()
    show(anyio.run(read_state, domain, config, stream, version, at), as_json=as_json)


@main.command(short_help="Show who has the data folder, and how far everything is.")
@configured
@as_json_flag
def status(config: Config, as_json: bool) -> None:
    """Show who has the data folder open, and how far log, events and read database have come.

    \b
    Example:
      twofold status --json
    """
    found = anyio.run(read_status, config)
    if as_json:
        show(found, as_json=True)
        return
    for line in found.lines():
        click.echo(line)


@main.command(short_help="Verify the whole data folder.")
@configured
@click.option("--head", metavar="POSITION:HASH", help="A head that verify printed earlier: it must still be there.")
@as_json_flag
def verify(config: Config, head: str | None, as_json: bool) -> None:
    """Verify the whole data folder: log, hashes, states, outcomes, read database, cursors.

    It changes nothing, and works beside a running process. Each fault is named; with any the exit code is 1. It prints
    the head of the history: keep it elsewhere, and give it with --head later, to see that nobody rewrote what was.

    \b
    Examples:
      twofold verify
      twofold verify --head 53415:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    report = anyio.run(run_verify, load_domain(config, App).domain(), config, head)
    if as_json:
        show(report, as_json=True)
    else:
        tell_report(report)
    if not report.is_sound:
        sys.exit(ExitCode.NOT_DONE)


@main.command(short_help="Fill the read database anew.")
@configured
@click.option("--back", is_flag=True, help="Let the generation that served before serve again, once it has caught up.")
@url_option
@as_json_flag
def rebuild(config: Config | None, back: bool, url: str | None, as_json: bool) -> None:
    """Fill the read database anew from the first event on, beside the old one, which serves meanwhile and is kept.

    No effect fires. Nothing else may have the data folder open; with --url the server that has it rebuilds, and handles
    commands meanwhile. A process that embeds Twofold does the same: `await runtime.rebuild()`.

    \b
    Examples:
      twofold rebuild --url http://127.0.0.1:8080
      twofold rebuild
      twofold rebuild --back
    """
    if config is None:
        rebuilt: Rebuilt | None = anyio.run(partial(run_rebuild_on_server, str(url), back=back))
    else:
        rebuilt = anyio.run(partial(run_rebuild, load_domain(config, App).domain(), config, back=back))
    if rebuilt is None:
        click.echo("Interrupted: everything is as it was.", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    if as_json:
        show(rebuilt, as_json=True)
    else:
        tell_rebuilt(rebuilt, back=back)


main.add_command(backup)
main.add_command(effects)
main.add_command(log)
main.add_command(run)
main.add_command(send)
