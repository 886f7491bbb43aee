"""`POST /commands/{type}`: one command a request."""

from typing import Annotated

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


class CommandOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of a command may say."""

    wait: Stage = "accepted"
    timeout: Seconds = 30.0
    expected_version: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class SendCommand:
    """An application that takes a command, waits as long as its sender asks, and tells how far it has come.

    It is one of its own, and no function of a request, since Starlette wraps those twice: 15 us a command.
    """

    def __init__(self, service: Service, readings: Readings) -> None:
        self._service = service
        self._readings = readings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit the command in the request, and tell what became of it."""
        with Share(self._readings.room) as share:
            try:
                response = await self._answer(scope, receive, share)
            except TwofoldError as error:
                response = answer_error(error)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, share: Share) -> Response:
        fields = Fields(scope)
        fields.require_type("application/json")
        options = read_options(scope, CommandOptions)
        command_id = fields.text("Idempotency-Key")
        correlation_id = fields.text("Correlation-Id")
        body = await read_body(scope, fields, receive, self._readings, share, LARGEST_COMMAND)
        receipt = await self._service.submit(
            JsonCommand(scope["path_params"]["type"], body),
            command_id=command_id,
            wait=options.wait,
            timeout=options.timeout,
            expected_version=options.expected_version,
            correlation_id=correlation_id,
        )
        told = tell_command(receipt, options.wait)
        return answer_problem(told) if isinstance(told, Problem) else answer_json(told, told.status)
