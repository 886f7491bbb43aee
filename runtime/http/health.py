"""`/healthz` and `/readyz`: whether the process turns, and whether it does all that it is for."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .service import Service

__all__ = ["Health"]

HEADERS = {"Cache-Control": "no-store"}


class Health:
    """Answers who watches over the process."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def healthy(self, _request: Request) -> Response:
        """Tell that the event loop turns; nothing else is asked, so that nothing else can make it fail."""
        return Response(b'{"healthy":true}', 200, HEADERS, "application/json")

    async def ready(self, _request: Request) -> Response:
        """Tell whether everything is at work, with 503 where it is not, and how far it is."""
        readiness = self._service.readiness()
        status = 200 if readiness.ready else 503
        return Response(msgspec.json.encode(readiness), status, HEADERS, "application/json")
