"""The HTTP interface as one ASGI application: its addresses, and how everything that is raised is told."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ...stores.errors import TwofoldError
from .commands import SendCommand
from .exchange import SendRow
from .front import Front
from .health import Health
from .lookups import Lookups
from .operating import Operating
from .problems import (
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    answer_error,
    answer_problem,
    problem,
)
from .requests import Readings
from .service import Service

__all__ = ["ADDRESSES", "application"]

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


def application(service: Service, readings: Readings | None = None) -> ASGIApp:
    """Return the application that serves `service`. Whoever stops it stops its `readings` first."""
    readings = readings or Readings()
    commands = SendCommand(service, readings)
    lookups, operating, health = Lookups(service), Operating(service, readings), Health(service)
    served = Starlette(
        routes=[
            Route("/commands/{type}", commands, methods=["POST"]),
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
    served.router.redirect_slashes = False  # a redirect would send a command on as another request, or lose it
    # What is put around the routes from here on does not see commands, which go past them.
    return Front(ServerErrorMiddleware(commands, tell_bug), served)


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
    detail = f"{type(error).__name__} was raised where nothing should be. The server's log has the place."
    return answer_problem(problem(INTERNAL, detail))
