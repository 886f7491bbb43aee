"""What brings a problem about: one request, or a server that is made to have it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

Ask_ = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def get(url: str, **more: Any) -> Ask_:
    return lambda client: client.get(url, **more)


def post(url: str, **more: Any) -> Ask_:
    return lambda client: client.post(url, **more)


Served = Callable[[Path], Any]
Causes = dict[str, tuple[Served, int, str]]


def registered_in(causes: Causes) -> Callable[[str, int, str], Callable[[Served], Served]]:
    """Return what registers in `causes` one that needs a server of its own."""

    def apart(name: str, status: int, kind: str) -> Callable[[Served], Served]:
        def register(cause: Served) -> Served:
            causes[name] = (cause, status, kind)
            return cause

        return register

    return apart
