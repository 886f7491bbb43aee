"""`twofold backup`: the data folder copied while it is at work, or not."""

from pathlib import Path

import click

from ..backup import Backup, back_up
from ..config import Config
from ..stores import DataFolder
from .command import as_json_flag, configured, show
from .inspection import check_there

__all__ = ["backup"]


@click.command(short_help="Copy the data folder, beside a running process too.")
@configured
@click.argument("target", type=click.Path(path_type=Path))
@as_json_flag
def backup(config: Config, target: Path, as_json: bool) -> None:
    """Copy the data folder to TARGET, a folder that is not there yet, beside a running process or without one.

    All that was acknowledged before the call is in the copy, which is there whole or not at all. Not copied are the
    settings, and outbox/. To restore, stop the process, and put the copy in the place of its data folder.

    \b
    Examples:
      twofold backup /mnt/backup/shop-2026-11-25
      twofold verify --data /mnt/backup/shop-2026-11-25
    """
    folder = DataFolder(config.data.dir)
    check_there(folder)
    made = back_up(folder, target, lambda part: click.echo(f"copying {part}", err=True))
    if as_json:
        show(made, as_json=True)
    else:
        tell_made(made)


def tell_made(made: Backup) -> None:
    """Print what was made as a person reads it."""
    click.echo(f"{made.folder} holds all commands up to offset {made.log_end}, in {made.bytes / 1e6:.1f} MB.")
    click.echo(f"See that it is whole, and keep the head that this prints: twofold verify --data {made.folder}")
