"""Requests for another host are turned away: a page of a foreign site could otherwise have a browser send them here.

Such a site lets its own name point to this machine for a moment ("DNS rebinding"); the browser then takes this server
for the site's, and names the site as the host of its requests.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import MISDIRECTED, answer_problem, problem

__all__ = ["OnlyThisHost"]


class OnlyThisHost:
    """An application that answers requests for one address, or for ``localhost``, only."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = {"localhost", f"[{host}]" if ":" in host else host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer that it was meant for another host."""
        host = Headers(scope=scope).get("host", "")
        name = host[: host.rindex(":")] if host.rpartition(":")[2].isdecimal() else host
        if name.lower() in self._names:
            await self._app(scope, receive, send)
            return
        known = " or ".join(sorted(self._names))
        told = problem(MISDIRECTED, f"This is not {host!r}. Ask for {known}, with the port.")
        await answer_problem(told)(scope, receive, send)
