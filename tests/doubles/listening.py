"""A server on a real socket of this machine for any application, and a client that is connected to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from twofold.runtime.config import HttpSettings
from twofold.runtime.http.application import Application
from twofold.runtime.http.requests import Readings
from twofold.runtime.http.server import bind, serving

from tests.doubles.raw_http import RawClient, connected

__all__ = ["listening"]


@asynccontextmanager
async def listening(service: Any) -> AsyncIterator[tuple[RawClient, Callable[[], None]]]:
    """Serve a service or an application, and yield a client that is connected, and what stops the server."""
    settings, readings = HttpSettings(port=0), Readings()
    bound = bind(settings)
    app = Application(service, readings) if hasattr(service, "begin") else service
    async with serving(bound, app, readings, settings) as stop:
        host, port = bound.getsockname()
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client, connected(client) as raw:
            yield raw, stop
