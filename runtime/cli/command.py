"""What the commands of `twofold` share: their common options, their exit codes, and how they print JSON."""

import logging
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import structlog

from ...actors.kernel.supervisor import cause_of
from ...stores.errors import GIVE_RIGHTS, TwofoldError
from ..addresses import check_url
from ..config import Config, DomainFailed
from .exit_codes import exit_code_of
from .logs import configure_logs

__all__ = ["as_json_flag", "configured", "service", "show", "url_option"]

F = TypeVar("F", bound=Callable[..., Any])


def configured(function: F) -> F:
    """Give a command --data and --config, hand it the settings, and end it with the exit code of what it raises.

    One that has an option --url too gets ``None`` in place of the settings where that is given: nothing is read here.
    """
    return _configured(function, _tell)


def service(function: F) -> F:
    """Do what `configured` does, for a process that goes on: what its log holds from INFO on is one line an event.

    The failure that ends it, or that it does not start for, is such a line too where no person reads, since what reads
    the log of a service reads no other text.
    """
    told = _configured(function, _log)

    @wraps(told)
    def command(*args: Any, **options: Any) -> None:
        configure_logs(sys.stderr, logging.INFO)
        told(*args, **options)

    return command  # type: ignore[return-value]


def _configured(function: F, tell: Callable[[BaseException], None]) -> F:
    @click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder, in place of [data] dir in the settings.",
    )
    @click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The file of settings, in place of ./config.toml.",
    )
    @wraps(function)
    def command(*args: Any, data: Path | None, config: Path | None, **options: Any) -> None:
        try:
            if options.get("url") is None:
                settings = Config.load(config, overrides={"data.dir": None if data is None else str(data)})
            elif data is None and config is None:
                settings = None
            else:
                raise click.UsageError("--url asks a server, which has data and settings of its own. Leave out others.")
            function(settings, *args, **options)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, BaseExceptionGroup) as raised:  # noqa: BLE001 - whatever it is, it is told, not passed over
            error = cause_of(raised)
        else:
            return
        tell(error)
        sys.exit(exit_code_of(error))

    return command  # type: ignore[return-value]


def _tell(error: BaseException) -> None:
    if isinstance(error, PermissionError):
        click.echo(f"Error: {error.filename}: this user may not do that: {error.strerror}. {GIVE_RIGHTS}", err=True)
        return
    if not isinstance(error, TwofoldError):
        raise error
    if isinstance(error, DomainFailed):
        traceback.print_exception(_from_domain_on(error.error))
    click.echo(f"Error: {error}", err=True)


def _from_domain_on(error: Exception) -> Exception:
    """Return `error` without the frames of its traceback that only lead to the domain's module: importing it."""
    place = error.__traceback__
    while place is not None and ("importlib" in place.tb_frame.f_code.co_filename or place is error.__traceback__):
        place = place.tb_next
    return error.with_traceback(place)


def _log(error: BaseException) -> None:
    if sys.stderr.isatty():
        _tell(error)
        return
    # A failure of ours says all in its words; of another one the place counts.
    where = (
        _from_domain_on(error.error)
        if isinstance(error, DomainFailed)
        else None
        if isinstance(error, TwofoldError)
        else error
    )
    code = exit_code_of(error)
    structlog.get_logger("twofold").critical(
        "failed", cause=str(error), exit_code=int(code), meaning=code.meaning, exc_info=where
    )


def show(value: object, *, as_json: bool) -> None:
    """Print `value` as JSON, on one line or for a person."""
    encoded = msgspec.json.encode(value)
    click.echo(encoded if as_json else msgspec.json.format(encoded, indent=2))


def _url(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    try:
        return None if text is None else check_url(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


url_option = click.option(
    "--url",
    metavar="URL",
    callback=_url,
    help="Ask the process that takes requests there, such as twofold run, which has a folder and settings of its own.",
)
as_json_flag = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for programs.")
