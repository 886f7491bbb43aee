"""`twofold log`: looking into the command log, beside a running process or without one."""

import click

from ..config import Config
from .command import as_json_flag, configured, show
from .inspection import dump_log

__all__ = ["log"]


@click.group()
def log() -> None:
    """Look into the command log.

    It holds what was accepted, for as long as the settings keep it.

    \b
    Example:
      twofold log dump --limit 10
    """


@log.command(short_help="Print the commands in the log.")
@configured
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only commands past this offset of the log.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="How many commands are printed at most; all of them unless given."
)
@as_json_flag
def dump(config: Config, after: int, limit: int | None, as_json: bool) -> None:
    """Print the commands in the log, oldest first, with the batch and the file that hold them.

    \b
    Examples:
      twofold log dump --after 1000 --limit 10
      twofold log dump --json > log.ndjson
    """
    for entry in dump_log(config, after, limit):
        if as_json:
            show(entry, as_json=True)
        else:
            click.echo(entry.line())
