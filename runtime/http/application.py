"""The HTTP interface as one ASGI application: its addresses, and how everything that is raised is told."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ...stores.errors import TwofoldError
from .commands import SendCommand
from .exchange import SendRow
from .health import Health
from .lookups import Lookups
from .operating import Operating
from .problems import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    answer_bug,
    answer_error,
    answer_problem,
    problem,
)
from .requests import Readings
from .service import Service

__all__ = ["ADDRESSES", "Application"]

ADDRESSES = (
    "POST /commands/{type}",
    "POST /commands",
    "GET /outcomes/{command_id}",
    "GET /queries/{name}",
    "GET /streams/{stream}",
    "GET /effects",
    "POST /effects/retry",
    "POST /effects/discard",
    "POST /consumers/{consumer}/resume",
    "POST /rebuild",
    "GET /rebuild",
    "GET /healthz",
    "GET /readyz",
)


class Application:
    """The ASGI application that serves a runtime, or what stands for it."""

    def __init__(self, service: Service, readings: Readings | None = None) -> None:
        """Serve `service`. Whoever stops it stops its `readings` first."""
        readings = readings or Readings()
        self.commands = SendCommand(service, readings)
        """The endpoint of commands, for a server that asks it without a detour."""
        lookups, operating, health = Lookups(service), Operating(service, readings), Health(service)
        self._routes = Starlette(
            routes=[
                Route("/commands/{type}", self.commands, methods=["POST"]),
                Route("/commands", SendRow(service, readings).answer, methods=["POST"]),
                Route("/outcomes/{command_id:path}", lookups.outcome, methods=["GET"]),
                Route("/queries/{name}", lookups.query, methods=["GET"]),
                Route("/streams/{stream:path}", lookups.stream, methods=["GET"]),
                Route("/effects", operating.effects, methods=["GET"]),
                Route("/effects/retry", operating.retry, methods=["POST"]),
                Route("/effects/discard", operating.discard, methods=["POST"]),
                Route("/consumers/{consumer}/resume", operating.resume, methods=["POST"]),
                Route("/rebuild", operating.rebuild, methods=["POST"]),
                Route("/rebuild", operating.rebuilding, methods=["GET"]),
                Route("/healthz", health.healthy, methods=["GET"]),
                Route("/readyz", health.ready, methods=["GET"]),
            ],
            exception_handlers={TwofoldError: tell_error, HTTPException: tell_refusal, Exception: tell_bug},
        )
        self._routes.router.redirect_slashes = False  # a redirect would send a command on as another one, or lose it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or whatever else a server asks."""
        await self._routes(scope, receive, send)


async def tell_error(_request: Request, error: Exception) -> Response:
    """Answer with what Twofold raised on purpose."""
    if not isinstance(error, TwofoldError):
        raise error
    return answer_error(error)


async def tell_refusal(request: Request, error: Exception) -> Response:
    """Answer that there is no such address, or that it takes another method."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == METHOD_NOT_ALLOWED.status:
        allowed = (error.headers or {}).get("Allow", "")
        told = problem(METHOD_NOT_ALLOWED, f"{request.scope['path']} takes {allowed}, and not {request.method}.")
        return answer_problem(told, error.headers)
    detail = f"There is nothing at {request.scope['path']}. There are: {', '.join(ADDRESSES)}."
    return answer_problem(problem(NOT_FOUND, detail))


async def tell_bug(_request: Request, error: Exception) -> Response:
    """Answer that something unforeseen was raised; Starlette raises it once more, so that it is logged."""
    return answer_bug(error)
