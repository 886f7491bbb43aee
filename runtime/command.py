"""What the commands of `twofold` share: their common options, their exit codes, and how they print JSON."""

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from ..actors.kernel.supervisor import cause_of
from ..stores.errors import TwofoldError
from .config import Config, DomainFailed
from .exit_codes import exit_code_of

__all__ = ["as_json_flag", "configured", "show"]

F = TypeVar("F", bound=Callable[..., Any])


def configured(function: F) -> F:
    """Give a command --data and --config, hand it the settings, and end it with the exit code of what it raises."""

    @click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The data folder.  [data] dir")
    @click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The settings.  ./config.toml")
    @wraps(function)
    def command(*args: Any, data: Path | None, config: Path | None, **options: Any) -> None:
        try:
            settings = Config.load(config, overrides={"data.dir": None if data is None else str(data)})
            function(settings, *args, **options)
        except BaseExceptionGroup as group:
            _end(cause_of(group))
        except TwofoldError as error:
            _end(error)

    return command  # type: ignore[return-value]


def _end(error: BaseException) -> None:
    if not isinstance(error, TwofoldError):
        raise error
    if isinstance(error, DomainFailed):
        traceback.print_exception(error.error)
    click.echo(f"Error: {error}", err=True)
    sys.exit(exit_code_of(error))


def show(value: object, *, as_json: bool) -> None:
    """Print `value` as JSON, on one line or for a person."""
    encoded = msgspec.json.encode(value)
    click.echo(encoded if as_json else msgspec.json.format(encoded, indent=2))


as_json_flag = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for programs.")
