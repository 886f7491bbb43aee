"""A runtime behind its HTTP server, on a real socket of this machine, and a client that speaks to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from twofold import App, Config, Runtime
from twofold.runtime.config import HttpSettings
from twofold.runtime.http.application import Application
from twofold.runtime.http.requests import Readings
from twofold.runtime.http.server import bind, serving
from twofold.runtime.stores import OpenStores
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import accounts_app

__all__ = ["problem", "served"]


@asynccontextmanager
async def served(
    app: App | None = None,
    config: Config | None = None,
    *,
    open_stores: OpenStores | None = None,
    settings: HttpSettings | None = None,
    readings: Readings | None = None,
) -> AsyncIterator[tuple[httpx.AsyncClient, Runtime]]:
    """Serve `app`, the accounts unless given, on stores in memory unless given, on a port that is free."""
    runtime = Runtime(app or accounts_app(), config, open_stores=open_stores or MemoryFolder().open)
    settings = settings or HttpSettings(port=0)
    bound, readings = bind(settings), readings or Readings(settings.request_timeout)
    host, port = bound.getsockname()[:2]
    async with (
        serving(bound, Application(runtime, readings), readings, settings) as stop_serving,
        runtime,
        httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False, timeout=30) as client,
    ):
        try:
            yield client, runtime
        finally:
            stop_serving()


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the kind of the problem that was answered, having checked that it is told as one."""
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["status"] == answer.status_code
    assert told["detail"]
    assert answer.headers.get("retry-after") == (str(told["retry_after"]) if "retry_after" in told else None)
    return answer.status_code, str(told["type"]).removeprefix("urn:twofold:problem:")
