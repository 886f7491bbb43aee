"""`twofold verify`: a verification with its progress, and a report for people."""

import sys

import click

from ...actors.definitions import Domain
from ..config import Config
from ..stores import DataFolder
from ..verification.report import VerificationReport, parse_head
from ..verification.verification import verify
from ..wording import counted

__all__ = ["run_verify", "tell_report"]


async def run_verify(domain: Domain, config: Config, head: str | None) -> VerificationReport:
    """Verify the data folder and show on a terminal how far that has come.

    Raises:
        InvalidHead: `head` is no head.
        NoSuchStore: there is no data yet.
    """
    expected = None if head is None else parse_head(head)
    report = await verify(
        DataFolder(config.data.dir), domain, expected_head=expected, progress=_show if sys.stderr.isatty() else None
    )
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    return report


def tell_report(report: VerificationReport) -> None:
    """Print what was found as a person reads it."""
    for fault in report.faults:
        click.echo(f"FAULT  {fault.where}\n       {fault.what}\n       {fault.next_step}")
    for note in report.notes:
        click.echo(f"note   {note}")
    checked = report.checked
    click.echo(
        f"Checked {counted(checked.commands, 'command')} in the log ({checked.unhandled} unhandled), "
        f"{counted(checked.outcomes, 'outcome')}, {counted(checked.events, 'event')}, "
        f"{counted(checked.states, 'state')} of {counted(checked.streams, 'stream')}, "
        f"{counted(checked.effects, 'effect')}, "
        f"{counted(checked.rows, 'row')} of {counted(checked.tables, 'table')} of the read database."
    )
    click.echo("Everything is as it was written." if report.is_sound else f"{counted(len(report.faults), 'fault')}.")
    if report.head is not None:
        click.echo(f"head {report.head}")


def _show(part: str, done: int, total: int) -> None:
    click.echo(f"\r\x1b[K{part}" + (f"  {done} of {total}" if total else ""), err=True, nl=False)
