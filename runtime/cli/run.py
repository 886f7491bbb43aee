"""`twofold run`: one process that serves a domain over HTTP until a signal stops it in order."""

import sys

import anyio
import structlog

from ...stores.lock import note_address
from ..app import App
from ..config import Config
from ..runtime import Runtime
from .collector import rare_collections
from .first_steps import tell_first_steps
from .signals import at_a_signal

__all__ = ["run_server"]


async def run_server(app: App, config: Config) -> None:
    """Serve `app` until SIGINT or SIGTERM, then stop in order: no request is taken, and all that waits is answered.

    The address is taken before the data folder is opened, and both are told to a person on a terminal, with what to
    try next. A second signal changes nothing: what stops is within its time limit anyway.

    Raises:
        AddressInUse: another process listens there.
        Everything that `Runtime` raises.
    """
    from ..http.application import Application  # noqa: PLC0415 - Starlette and uvicorn load on first use
    from ..http.requests import Readings  # noqa: PLC0415 - likewise
    from ..http.server import bind, serving  # noqa: PLC0415 - likewise

    readings, stopped = Readings(config.http.request_timeout), anyio.Event()
    with bind(config.http) as bound:
        url = _url(*bound.getsockname()[:2])
        runtime = Runtime(app, config, url=url)
        async with (
            at_a_signal(stopped.set),
            serving(bound, Application(runtime, readings), readings, config.http) as stop_serving,
            runtime,
        ):
            try:
                note_address(config.data.dir, url)
                structlog.get_logger("twofold").info("serving", url=url)
                if sys.stdout.isatty():
                    tell_first_steps(app, config, url)
                with rare_collections():
                    await stopped.wait()
            finally:
                stop_serving()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
