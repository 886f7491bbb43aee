"""What can be asked for: outcomes, queries, and the history and the states of streams."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from ...stores.records import Position, StreamId, Version
from ..history import read_time
from .json_answer import answer_json
from .pages import Page, link
from .problems import MALFORMED, UNKNOWN_OUTCOME, ProblemFound
from .requests import Seconds, convert_options, read_options, unique_parameters
from .service import Service
from .telling import tell_outcome

__all__ = ["Lookups"]

PAGE = 100
"""Events of a stream in one answer, unless another number is asked for."""
LARGEST_PAGE = 1_000
READ_AT_ONCE = 20
"""Events that are read before it is seen how large they are: each may have a megabyte."""
_OF_EVERY_QUERY = "min_position", "timeout"

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class QueryOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of every query may say beside the query's own parameters."""

    min_position: Number | None = None
    timeout: Seconds = 30.0


class StreamOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of a stream may say: which part of its history, or its state at which version or time."""

    after: Number = 0
    limit: Annotated[int, Meta(ge=1, le=LARGEST_PAGE)] = PAGE
    version: Number | None = None
    at: str | None = None


class QueryTold(Struct, frozen=True, omit_defaults=True):
    """What a query returned."""

    value: Any
    position: Position
    projector_halted: str | None = None
    """Why the read database stands still at that position, where it does."""


class History(Struct, frozen=True):
    """A part of a stream's history."""

    stream: StreamId
    version: Version
    """That of the last event of the part, or where the part would begin."""
    position: Position
    """That of the last event of the part, or 0 where it has none."""
    events: Sequence[Raw]
    """Of `RecordedEvent`."""
    next: str | None
    """Where the next part is on this server, or ``None`` at the end."""


class Lookups:
    """Answers what changes nothing."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def outcome(self, request: Request) -> Response:
        """Tell what became of a command."""
        command_id = request.path_params["command_id"]
        outcome = await self._service.outcome(command_id)
        if outcome is None:
            raise ProblemFound(
                UNKNOWN_OUTCOME,
                f"The command {command_id!r} is not handled yet, or was never accepted. Send it again under the same "
                "id: that does no harm, and waits for the outcome.",
            )
        return answer_json(tell_outcome(outcome))

    async def query(self, request: Request) -> Response:
        """Run a query, and tell its result and the position that it speaks of."""
        given = dict(unique_parameters(request.query_params))
        of_every_query = {name: given.pop(name) for name in _OF_EVERY_QUERY if name in given}
        options = convert_options(of_every_query, QueryOptions)
        found = await self._service.query_text(
            request.path_params["name"], given, min_position=options.min_position, timeout=options.timeout
        )
        return answer_json(QueryTold(found.value, found.position, found.projector_halted))

    async def stream(self, request: Request) -> Response:
        """Tell what happened in a stream, or its state at a version or a time."""
        stream, options = request.path_params["stream"], read_options(request.scope["query_string"], StreamOptions)
        if options.version is None and options.at is None:
            return answer_json(await self._history(request, stream, options))
        if options.version is not None and options.at is not None:
            raise ProblemFound(MALFORMED, "A state is asked for by `version` or by `at`, not by both.")
        try:
            at = None if options.at is None else read_time(options.at)
        except ValueError as error:
            raise ProblemFound(MALFORMED, str(error)) from None
        return answer_json(await self._service.state(stream, version=options.version, at=at))

    async def _history(self, request: Request, stream: StreamId, options: StreamOptions) -> History:
        page, version, position = Page(), options.after, 0
        while True:
            asked = min(READ_AT_ONCE, options.limit + 1 - len(page.items))
            found = await self._service.history(stream, after=version, limit=asked)
            for event in found:
                if len(page.items) == options.limit or not page.add(event):
                    return History(stream, version, position, page.items, link(request, after=str(version)))
                version, position = event.version, event.position
            if len(found) < asked:
                return History(stream, version, position, page.items, None)
