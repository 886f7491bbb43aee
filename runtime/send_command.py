"""`twofold send`: a runtime for as long as a file lasts, with a progress bar and a summary for people."""

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import anyio
import click
from anyio.abc import TaskStatus

from ..actors.submission import Stage
from .app import App
from .config import Config
from .queries import ProjectorHalted
from .runtime import Runtime
from .sending import LineAnswer, Summary, send
from .wording import counted

__all__ = ["run_send"]

_SHOWN = 20


async def run_send(
    app: App, config: Config, source: BinaryIO, *, wait: Stage, timeout: float, settle: bool, quiet: bool
) -> Summary:
    """Send all lines of `source`, and tell about it on standard error and, unless `quiet`, standard output.

    SIGINT and SIGTERM end the reading; what was sent is answered, and the runtime stops in order.
    """
    began = time.monotonic()
    reading = anyio.CancelScope()

    async def watch_signals(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                reading.cancel()

    async with anyio.create_task_group() as tasks:
        await tasks.start(watch_signals)
        async with Runtime(app, config) as runtime:
            with _progress(source) as progress:
                summary = await send(runtime, source, wait=wait, timeout=timeout, progress=progress, reading=reading)
            if settle and not summary.interrupted:
                with suppress(ProjectorHalted):  # the summary says so
                    await runtime.settled()
            projector = next(each for each in runtime.statistics() if each.role == "projector")
            if projector.state == "halted":
                summary.projector_halted = projector.failure
        tasks.cancel_scope.cancel()
    summary.seconds = round(time.monotonic() - began, 3)
    if not quiet:
        _tell(summary)
    return summary


@contextmanager
def _progress(source: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Show how much of `source` was read, where there is a terminal to show it on."""
    status = os.fstat(source.fileno())
    stderr = sys.stderr
    if not stat.S_ISREG(status.st_mode) or not stderr.isatty():
        yield lambda _read: None
        return
    with click.progressbar(length=status.st_size, label="sending", file=stderr) as bar:
        yield bar.update


def _tell(summary: Summary) -> None:
    for answer in summary.refused[:_SHOWN]:
        _tell_line(answer, "refused")
    if len(summary.refused) > _SHOWN:
        click.echo(f"… and {len(summary.refused) - _SHOWN} refused lines more; --json lists them all")
    for answer in (*summary.rejected[:_SHOWN], *summary.unanswered[:_SHOWN]):
        _tell_line(answer, answer.answer)
    lines, faults = counted(summary.lines, "line"), counted(summary.faults, "fault")
    before = f" ({summary.repeated} of them before)" if summary.repeated else ""
    refused = f"{len(summary.refused)} refused" + (f" with {faults}" if summary.faults else "")
    click.echo(f"{lines} in {summary.seconds:.1f} s: {summary.accepted} accepted{before}, {refused}")
    for title, counts in (("outcomes", summary.outcomes), ("faults", summary.codes)):
        if counts:
            click.echo(f"  {title}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    if summary.timed_out or summary.unanswered:
        click.echo(f"  {summary.timed_out} timed out, {len(summary.unanswered)} without an answer: send the file again")
    if summary.projector_halted is not None:
        click.echo(f"  the read database stands still; queries do not show all of this: {summary.projector_halted}")
    if summary.interrupted:
        click.echo("  interrupted: the rest of the file was not sent")


def _tell_line(answer: LineAnswer, what: str) -> None:
    click.echo(f"line {answer.line}: " + " ".join(filter(None, (answer.type, answer.id, what, answer.message))))
    for fault in answer.faults:
        facts = ", ".join(f"{name}={value}" for name, value in fault.facts.items())
        click.echo("    " + " ".join(filter(None, (fault.path, fault.code, fault.message, facts))))
