"""`twofold query --url`: one question to a server, and how far its events are."""

from collections.abc import Mapping

from ...actors.domain import Answer
from ...stores.records import Position
from .server import Server

__all__ = ["put_query_to_server"]

TIMEOUT = 30.0


async def put_query_to_server(
    url: str, name: str, parameters: Mapping[str, str], min_position: Position | None
) -> tuple[Answer, Position]:
    """Return the answer to a query, and the position at which the events end.

    It waits until the read database is at `min_position`, for 30 s at most.

    Raises:
        ServerAway: the server could not be reached, or broke off.
        NotTwofold, RequestRefused, AnswerTooLarge: it has another answer to that.
    """
    async with Server(url) as server:
        found = await server.query(name, parameters, min_position=min_position, timeout=TIMEOUT)
        return Answer(found.value, found.position, found.projector_halted), await server.head()
