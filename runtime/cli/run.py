"""`twofold run`: one process that serves a domain over HTTP until a signal stops it in order."""

import shlex
import shutil
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import anyio
import click
import structlog
from anyio.abc import TaskStatus

from ...stores.lock import note_address
from ..app import App
from ..config import Config
from ..runtime import Runtime
from .collector import rare_collections
from .first_steps import first_steps

__all__ = ["run_server"]


async def run_server(app: App, config: Config) -> None:
    """Serve `app` until SIGINT or SIGTERM, then stop in order: no request is taken, and all that waits is answered.

    The address is taken before the data folder is opened, and both are told to a person on a terminal, with what to
    try next. A second signal changes nothing: what stops is within its time limit anyway.

    Raises:
        AddressInUse: another process listens there.
        Everything that `Runtime` raises.
    """
    from ..http.application import application  # noqa: PLC0415 - Starlette and uvicorn load on first use
    from ..http.requests import Readings  # noqa: PLC0415 - likewise
    from ..http.server import bind, serving  # noqa: PLC0415 - likewise

    bound = bind(config.http)
    url = _url(*bound.getsockname()[:2])
    runtime, readings, stopped = Runtime(app, config), Readings(config.http.request_timeout), anyio.Event()

    async def watch_signals(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                stopped.set()

    async with anyio.create_task_group() as tasks:
        await tasks.start(watch_signals)
        async with serving(bound, application(runtime, readings), readings, config.http) as stop_serving, runtime:
            try:
                note_address(config.data.dir, url)
                structlog.get_logger("twofold").info("serving", url=url)
                if sys.stdout.isatty():
                    _tell(app, config, url)
                with rare_collections():
                    await stopped.wait()
            finally:
                stop_serving()
        tasks.cancel_scope.cancel()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell(app: App, config: Config, url: str) -> None:
    click.echo(f"\nTwofold {version('twofold')} serves {app.name} on {url}, from the data in {config.data.dir}.")
    click.echo("Stop it with Ctrl-C. In another terminal, try:\n")
    for line in first_steps(app.domain(), url, _status_command(config)):
        click.echo(f"  {line}")
    click.echo()


def _status_command(config: Config) -> str:
    """Return the command that shows how things stand in this data folder, from the working directory."""
    command = [_program(), "status"]
    if config.file is not None and config.file != Path("config.toml").absolute():
        command += ["--config", str(config.file)]
    if config.data.dir != Path("data").absolute():
        command += ["--data", str(config.data.dir)]
    return shlex.join(command)


def _program() -> str:
    """Return how a shell in the working directory finds this program, whether its environment is active or not."""
    program, here = Path(sys.argv[0]).absolute(), Path.cwd()
    found = shutil.which(program.name)
    if found is not None and program.samefile(found):
        return program.name
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
