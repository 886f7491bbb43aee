"""`/healthz` and `/readyz`: whether the process turns, and whether it does all that it is for."""

from starlette.requests import Request
from starlette.responses import Response

from .json_answer import answer_json
from .service import Service

__all__ = ["Health"]

HEADERS = {"Cache-Control": "no-store"}


class Health:
    """Answers who watches over the process."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def healthy(self, _request: Request) -> Response:
        """Tell that the event loop turns; nothing else is asked, so that nothing else can make it fail."""
        return answer_json({"healthy": True}, headers=HEADERS)

    async def ready(self, _request: Request) -> Response:
        """Tell whether everything is at work, with 503 where it is not, and how far it is."""
        readiness = self._service.readiness()
        return answer_json(readiness, 200 if readiness.ready else 503, HEADERS)
