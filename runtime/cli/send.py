"""`twofold send`: a file of commands for a runtime of its own, or for a server, with a summary for people."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import anyio
import click

from ...actors.submission import Stage
from ..app import App
from ..config import Config
from ..runtime import Runtime
from ..send_summary import LineAnswer, Summary
from ..sending import send
from ..wording import counted
from .collector import rare_collections
from .settling import settle
from .signals import at_a_signal

__all__ = ["run_send", "run_send_to_server"]

_SHOWN = 20


async def run_send(
    app: App, config: Config, source: BinaryIO, *, wait: Stage, timeout: float, waits: bool, quiet: bool
) -> Summary:
    """Send all lines of `source`, and tell about it on standard error and, unless `quiet`, standard output.

    What became of them is told as soon as they are answered; what follows from them is awaited after that, if `waits`
    says so. SIGINT and SIGTERM end the reading and the waiting; what was sent is answered, and the runtime stops in
    order.
    """
    began = time.monotonic()
    reading, settling = anyio.CancelScope(), anyio.CancelScope()

    def stop() -> None:
        reading.cancel()
        settling.cancel()

    async with at_a_signal(stop), Runtime(app, config) as runtime:
        with rare_collections(), _progress(source) as progress:
            summary = await send(runtime, source, wait=wait, timeout=timeout, progress=progress, reading=reading)
        summary.seconds = round(time.monotonic() - began, 3)
        summary.projector_halted = _why_halted(runtime)
        if not quiet:
            _tell(summary)
        if waits and not summary.interrupted:
            await settle(runtime, settling)
            if summary.projector_halted is None and (why := _why_halted(runtime)) is not None:
                summary.projector_halted = why
                if not quiet:
                    _tell_halted(why)
    return summary


def _why_halted(runtime: Runtime) -> str | None:
    """Return why the read database stands still, if it does."""
    projector = next(each for each in runtime.statistics() if each.role == "projector")
    return projector.failure if projector.state == "halted" else None


async def run_send_to_server(
    url: str, source: BinaryIO, *, wait: Stage, timeout: float, retry_for: float, quiet: bool
) -> Summary:
    """Do what `run_send` does, with the server at `url`; what has no answer is sent again for `retry_for` seconds.

    SIGINT and SIGTERM end the reading and the trying again; what was sent is answered.
    """
    from ..client.patience import Patience  # noqa: PLC0415 - the client, and httpx with it, loads on first use
    from ..client.sending import send as send_to_server  # noqa: PLC0415 - likewise
    from ..client.server import Server  # noqa: PLC0415 - likewise

    began = time.monotonic()
    interrupted = anyio.Event()
    async with at_a_signal(interrupted.set), Server(url) as server:
        with _progress(source) as progress:
            summary = await send_to_server(
                server,
                source,
                wait=wait,
                timeout=timeout,
                patience=Patience(retry_for),
                progress=progress,
                notice=_notice,
                interrupted=interrupted,
            )
    summary.seconds = round(time.monotonic() - began, 3)
    if not quiet:
        _tell(summary)
    return summary


def _notice(text: str) -> None:
    """Tell `text` on a line of its own, also where a progress bar stands."""
    click.echo(f"\r\033[K{text}" if sys.stderr.isatty() else text, err=True)


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
        _tell_halted(summary.projector_halted)
    if summary.gave_up is not None:
        click.echo(f"  given up, the rest of the file was not sent: {summary.gave_up}")
    if summary.interrupted:
        click.echo("  interrupted: the rest of the file was not sent")


def _tell_halted(why: str) -> None:
    click.echo(f"  the read database stands still; queries do not show all of this: {why}")


def _tell_line(answer: LineAnswer, what: str) -> None:
    click.echo(f"line {answer.line}: " + " ".join(filter(None, (answer.type, answer.id, what, answer.message))))
    for fault in answer.faults:
        path = f"{fault.path}: " if fault.path else ""
        said = f"{fault.message} ({fault.code})" if fault.message else fault.code
        facts = "".join(f", {name}={value}" for name, value in fault.facts.items())
        click.echo(f"    {path}{said}{facts}")
