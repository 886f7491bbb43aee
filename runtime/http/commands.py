"""`POST /commands/{type}`: one command a request."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...actors.admission import LARGEST_COMMAND
from ...actors.submission import JsonCommand, Stage
from ...stores.errors import TwofoldError
from .fields import Fields
from .json_answer import answer_json
from .problems import Problem, answer_error, answer_problem
from .requests import Readings, Seconds, read_body, read_options
from .room import Share
from .service import Service
from .telling import tell_command

__all__ = ["CommandOptions", "SendCommand"]

ReadBody: TypeAlias = Callable[[Fields, Share], Awaitable[bytes]]
"""Returns the body of a request with these header fields, once it has room."""


class CommandOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of a command may say."""

    wait: Stage = "accepted"
    timeout: Seconds = 30.0
    expected_version: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class SendCommand:
    """Takes a command, waits as long as its sender asks, and tells how far it has come.

    It is an ASGI application of its own, and no function of a request, since Starlette wraps those twice: 15 us.
    """

    def __init__(self, service: Service, readings: Readings) -> None:
        self._service = service
        self._readings = readings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit the command in the request, and tell what became of it."""

        async def read(fields: Fields, share: Share) -> bytes:
            return await read_body(scope, fields, receive, self._readings, share, LARGEST_COMMAND)

        response = await self._tell(scope["path_params"]["type"], scope["query_string"], Fields.of(scope), read)
        await response(scope, receive, send)

    async def answer(self, type_: str, query: bytes, fields: Fields, body: bytes) -> Response:
        """Return the answer to a request whose `body` is here, as much as a server reads at once at the most."""

        async def read(_fields: Fields, share: Share) -> bytes:
            share.take(len(body))
            return body

        return await self._tell(type_, query, fields, read)

    async def _tell(self, type_: str, query: bytes, fields: Fields, read: ReadBody) -> Response:
        with Share(self._readings.room) as share:
            try:
                return await self._submit(type_, query, fields, share, read)
            except TwofoldError as error:
                return answer_error(error)

    async def _submit(self, type_: str, query: bytes, fields: Fields, share: Share, read: ReadBody) -> Response:
        fields.require_type("application/json")
        options = read_options(query, CommandOptions)
        command_id = fields.text("Idempotency-Key")
        correlation_id = fields.text("Correlation-Id")
        receipt = await self._service.submit(
            JsonCommand(type_, await read(fields, share)),
            command_id=command_id,
            wait=options.wait,
            timeout=options.timeout,
            expected_version=options.expected_version,
            correlation_id=correlation_id,
        )
        told = tell_command(receipt, options.wait)
        return answer_problem(told) if isinstance(told, Problem) else answer_json(told, told.status)
