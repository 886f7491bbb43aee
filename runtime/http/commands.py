"""`POST /commands/{type}`: one command a request."""

from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...actors.admission import LARGEST_COMMAND
from ...actors.submission import JsonCommand, Stage
from ...stores.errors import TwofoldError
from ..submitting import AnswerToCommand, Posted
from .fields import Fields
from .json_answer import answer_json
from .problems import Problem, answer_error, answer_problem
from .requests import Readings, Seconds, read_body, read_options
from .room import Share
from .service import Service
from .telling import tell_command

__all__ = ["Asked", "CommandOptions", "SendCommand"]


class CommandOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of a command may say."""

    wait: Stage = "accepted"
    timeout: Seconds = 30.0
    expected_version: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class Asked(NamedTuple):
    """What a request asks for besides the command in its body."""

    type: str
    options: CommandOptions
    command_id: str | None
    correlation_id: str | None


class SendCommand:
    """Takes a command, waits as long as its sender asks, and tells how far it has come.

    It is an ASGI application of its own, and no function of a request, since Starlette wraps those twice: 15 us. The
    connections of our own server go through its steps themselves (see `DirectConnection`).
    """

    def __init__(self, service: Service, readings: Readings) -> None:
        self._service = service
        self._readings = readings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit the command in the request, and tell what became of it."""
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    def share(self) -> Share:
        """Return what a request has of the room for bodies: nothing yet."""
        return Share(self._readings.room)

    def read(self, type_: str, query: bytes, fields: Fields) -> Asked:
        """Return what a request asks for.

        Raises:
            ProblemFound: its body is no JSON, or its URL or a header field cannot be understood.
        """
        fields.require_type("application/json")
        options = read_options(query, CommandOptions)
        return Asked(type_, options, fields.text("Idempotency-Key"), fields.text("Correlation-Id"))

    def begin(self, asked: Asked, body: bytes) -> Posted:
        """Hand the command in `body` over; raises as `Runtime.begin` does."""
        return self._service.begin(
            JsonCommand(asked.type, body),
            command_id=asked.command_id,
            wait=asked.options.wait,
            timeout=asked.options.timeout,
            expected_version=asked.options.expected_version,
            correlation_id=asked.correlation_id,
        )

    def tell(self, asked: Asked, answer: AnswerToCommand) -> Response:
        """Return what is told of the `answer` to the command."""
        told = tell_command(answer, asked.options.wait)
        return answer_problem(told) if isinstance(told, Problem) else answer_json(told, told.status)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        fields = Fields.of(scope)
        with self.share() as share:
            try:
                asked = self.read(scope["path_params"]["type"], scope["query_string"], fields)
                body = await read_body(scope, fields, receive, self._readings, share, LARGEST_COMMAND)
                return self.tell(asked, await self.begin(asked, body).answer())
            except TwofoldError as error:
                return answer_error(error)
