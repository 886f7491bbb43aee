"""The commands that take commands in: `twofold run` and `twofold send`."""

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import BinaryIO

import anyio
import click

from ...actors.submission import Stage
from ..app import App
from ..config import Config, load_domain
from ..http_terms import LONGEST_WAIT
from ..send_summary import Summary
from .command import as_json_flag, configured, service, show, url_option
from .exit_codes import ExitCode
from .run import run_server
from .send import run_send, run_send_to_server

__all__ = ["run", "send"]


@click.command(short_help="Serve the domain over HTTP on this machine.")
@service
def run(config: Config) -> None:
    """Serve the domain over HTTP, on this machine, until Ctrl-C or SIGTERM.

    It opens the data folder and holds its lock, so nothing else can write there meanwhile: other commands reach it with
    --url. [http] in the settings says where it listens, 127.0.0.1 and port 8080 unless set.

    On a terminal it says what to try once it serves, and logs a line of text an event. Anywhere else, under systemd for
    one, it logs one JSON object a line. All of the log goes to standard error.

    \b
    Examples:
      twofold run
      TWOFOLD_HTTP__PORT=9000 twofold run --data /var/lib/shop
    """
    anyio.run(run_server, load_domain(config, App), config)


@click.command(short_help="Send a file of commands, and say what became of them.")
@configured
@click.argument("file", type=click.File("rb"))
@click.option(
    "--wait",
    type=click.Choice(["accepted", "handled", "projected"]),
    default="handled",
    show_default=True,
    help="How far each command must have come before its answer is told.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How many seconds the answer to one command may take; the command goes on after that.",
)
@click.option(
    "--settle",
    is_flag=True,
    help="In the end wait until all is projected and the effects of it are done; not with --url.",
)
@url_option
@click.option(
    "--retry-for",
    type=click.FloatRange(min=0, max=366 * 86400),
    default=60.0,
    show_default=True,
    help="With --url: after how many seconds without any progress it gives up.",
)
@as_json_flag
def send(
    config: Config | None,
    file: BinaryIO,
    wait: Stage,
    timeout: float,
    settle: bool,
    url: str | None,
    retry_for: float,
    as_json: bool,
) -> None:
    """Send commands from FILE ("-" is standard input), a line each, and say what became of them.

    A line is {"type": NAME, "id": ID, "data": {…}}. The same id gets the same answer, so a file may be sent again
    after whatever went wrong. A line without an id gets a new one each time: sent again, it is another command, and
    takes effect once more unless a rule refuses it. The exit code is 0 if every line got its answer, a refusal
    included, and 1 if one has none (no room, no time) or its handler failed.

    --settle waits, once the lines are answered, for the read database and for every effect that follows: e-mails,
    purges, calls, with all that is tried again. It does not wait for what is parked or paused. Ctrl-C ends the waiting
    only: what is accepted stays so, and the consumers go on at the next start.

    With --url a server takes them, such as "twofold run", and no settings and no domain are needed here. While it is
    away or has no room, what has no answer is sent again under the same ids, in order.

    \b
    Examples:
      twofold send orders.ndjson --url http://127.0.0.1:8080
      twofold send orders.ndjson --wait projected
      generate-orders | twofold send - --settle --json
    """
    if url is not None and settle:
        raise click.UsageError(
            "A server does not tell how far its consumers are, so --settle cannot wait for them over --url. "
            "Use --wait projected; on the server's machine `twofold effects list` shows what they did."
        )
    if url is not None and timeout > LONGEST_WAIT:
        raise click.UsageError(f"A server waits for {LONGEST_WAIT:g} s at most: --timeout {timeout:g} is longer.")
    run_it: Callable[[], Awaitable[Summary]]
    if config is None:
        run_it = partial(
            run_send_to_server, str(url), file, wait=wait, timeout=timeout, retry_for=retry_for, quiet=as_json
        )
    else:
        app = load_domain(config, App)
        run_it = partial(run_send, app, config, file, wait=wait, timeout=timeout, waits=settle, quiet=as_json)
    summary = anyio.run(run_it)
    if as_json:
        show(summary, as_json=True)
    if summary.interrupted:
        sys.exit(ExitCode.INTERRUPTED)
    if not summary.complete:
        sys.exit(ExitCode.NOT_DONE)
