"""Requests for another host, or from a page of another site, are turned away: such a page has a browser send them here.

Such a site lets its own name point to this machine for a moment ("DNS rebinding"); the browser then takes this server
for the site's, and names the site as the host of its requests. Without that, the browser names the site as the origin
of whatever it sends that may change something.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from .fields import Fields
from .problems import FOREIGN_ORIGIN, MALFORMED, MISDIRECTED, Problem, answer_problem, problem

__all__ = ["OnlyThisHost"]


class OnlyThisHost:
    """An application that answers requests for one address, or for ``localhost``, and for no other site's pages."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = {"localhost", f"[{host}]" if ":" in host else host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer that it was meant for another host or comes from another site."""
        refusal = self.refusal(Fields.of(scope))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await answer_problem(refusal)(scope, receive, send)

    def refusal(self, fields: Fields) -> Problem | None:
        """Return why a request with these header fields is turned away, if it is."""
        hosts = fields.all("host")
        if len(hosts) > 1:
            return problem(MALFORMED, f"The header Host is there {len(hosts)} times. Give it once.")
        host = "".join(hosts).lower()
        name, colon, port = host.rpartition(":")
        if (name if colon and port.isdecimal() else host) not in self._names:
            known = " or ".join(sorted(self._names))
            return problem(MISDIRECTED, f"This is not {host!r}. Ask for {known}, with the port.")
        for origin in fields.all("origin"):
            if origin.lower() != f"http://{host}":
                what = f"The request was sent by a page of {origin!r}, which is not of this server."
                return problem(FOREIGN_ORIGIN, f"{what} Let the server of that page ask in its place.")
        return None
