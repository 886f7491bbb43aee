"""`twofold rebuild`: the read database filled anew while nothing else runs, with a progress bar for people."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from anyio import CancelScope, Lock

from ...actors.definitions import Domain
from ...actors.filling import Filling, RebuildProgress, Report
from ...actors.kernel.clock import SystemClock
from ...actors.rebuilder import Rebuilt, rebuild
from ..client.operating import rebuild_on_server
from ..config import Config
from ..stores import DataFolder, Stores, open_folder
from ..wording import counted
from .inspection import check_there
from .signals import at_a_signal

__all__ = ["run_rebuild", "run_rebuild_on_server", "tell_rebuilt"]


async def run_rebuild(domain: Domain, config: Config, *, back: bool) -> Rebuilt | None:
    """Rebuild the read database of a data folder, or return to the generation before, and show how far that is.

    It takes the folder's lock and starts no actor, so that no command is handled and no effect fires. Returns ``None``
    where SIGINT or SIGTERM ended it: then everything is as it was.

    Raises:
        NoData: there is no data yet.
        Locked: another process has the folder.
        ProjectionFailed, UnknownEvent: an event cannot be projected; the generation that served serves.
        NoPreviousGeneration: there is no way back.
        Corruption, DiskFull, StorageFailed: the folder cannot be opened, or the device failed.
    """
    check_there(DataFolder(config.data.dir))
    rebuilt: Rebuilt | None = None
    working = CancelScope()
    async with at_a_signal(working.cancel):
        with working:
            async with open_folder(config, domain) as stores:
                rebuilt = await _rebuild(domain, stores, back=back)
    return rebuilt


async def run_rebuild_on_server(url: str, *, back: bool) -> Rebuilt:
    """Have a server rebuild its read database, or return to the generation before, and show how far that is.

    Raises:
        ServerAway, NotTwofold, RequestRefused: it does not, and says why.
    """
    with _progress(None) as report:
        return await rebuild_on_server(url, back=back, report=report)


async def _rebuild(domain: Domain, stores: Stores, *, back: bool) -> Rebuilt:
    head = (await stores.events.head()).position
    clock = SystemClock()
    with _progress(head) as report:
        if stores.read.is_filled or back:
            return await rebuild(
                domain,
                stores.events,
                stores.read,
                clock,
                back=back,
                end=lambda: head,
                applying=Lock(),
                report=report,
                handled=lambda: 0,
            )
        began, start = clock.monotonic(), await stores.read.position()
        filling = Filling(
            domain, stores.events, stores.read, start, clock, end=lambda: head, report=report, handled=lambda: 0
        )
        await filling.finish()
        await stores.read.mark_filled()
        return Rebuilt(head, head - start, round(clock.monotonic() - began, 3))


@contextmanager
def _progress(total: int | None) -> Iterator[Report]:
    """Show how many of `total` events, if that is known yet, are done, where there is a terminal to show it on."""
    stderr = sys.stderr
    if not stderr.isatty():
        yield lambda _progress: None
        return
    with click.progressbar(length=total or 1, label="rebuilding", show_pos=True, file=stderr) as bar:

        def report(progress: RebuildProgress) -> None:
            bar.length = progress.total
            bar.update(progress.done - bar.pos)

        yield report


def tell_rebuilt(rebuilt: Rebuilt, *, back: bool) -> None:
    """Print what was done as a person reads it."""
    what = "The generation before serves again" if back else "The read database is rebuilt"
    events = counted(rebuilt.events, "event")
    click.echo(f"{what}, at position {rebuilt.position}: {events} applied in {rebuilt.seconds:.1f} s.")
    click.echo("The one that served is kept: twofold rebuild --back returns to it.")
