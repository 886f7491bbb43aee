"""Reading requests: their options, the type of their body, and the body itself, within bounds of size and time."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated, TypeAlias, TypeVar

import anyio
import msgspec
from anyio import CancelScope
from msgspec import Meta, Struct
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Receive, Scope

from ...actors.submission import Stopping
from ..http_terms import LONGEST_WAIT
from .fields import Fields
from .problems import MALFORMED, REQUEST_TIMEOUT, TOO_LARGE, ProblemFound
from .room import Room, Share

__all__ = [
    "BODY_IS_HERE",
    "Readings",
    "Seconds",
    "read_blocks",
    "read_body",
    "read_options",
]

BODY_IS_HERE = "twofold.body_is_here"
"""Set in a request's state by our server where the whole body has come with the head: then there is nothing to wait
for, and no time limit to set up."""

LONGEST_KNOWN = 200
"""Bytes of a URL's parameters that are kept, read, for those who ask for the same; longer ones are read each time."""

T = TypeVar("T", bound=Struct)

Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST_WAIT)]


class Readings:
    """The requests that are being read just now: how long that may take, and how it ends when the server stops."""

    def __init__(self, seconds: float = 30.0, room: Room | None = None) -> None:
        """Give a body `seconds` to come, and a row of commands as many without a byte; all of them share the `room`."""
        self.seconds = seconds
        self.room = room or Room()
        self._scopes: set[CancelScope] = set()
        self._is_stopped = False

    def stop(self) -> None:
        """End all that are being read, and each one that begins from now on.

        A command that was handed over before goes on, and gets its answer: only what was not read whole is turned away.
        """
        self._is_stopped = True
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def reading(self) -> Iterator[CancelScope]:
        """Let the block be ended by `stop`; its scope tells whether it was."""
        with CancelScope() as scope:
            self._scopes.add(scope)
            try:
                if self._is_stopped:
                    scope.cancel()
                yield scope
            finally:
                self._scopes.discard(scope)


def read_options(query: bytes, type_: type[T]) -> T:
    """Return the parameters in the `query` of a URL.

    Raises:
        ProblemFound: one is given twice, unknown, or no value for what it names.
    """
    options: T = (_known_options if len(query) <= LONGEST_KNOWN else _options)(type_, query)
    return options


def _options(type_: type[T], query: bytes) -> T:
    return convert_options(dict(unique_parameters(QueryParams(query))), type_)


_known_options = lru_cache(maxsize=256)(_options)  # most requests ask for the same: 14 us less for each of them


def unique_parameters(parameters: QueryParams) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a URL.

    Raises:
        ProblemFound: one is given twice.
    """
    given = set()
    for name, value in parameters.multi_items():
        if name in given:
            raise ProblemFound(MALFORMED, f"The parameter {name!r} is given twice. Give it once.")
        given.add(name)
        yield name, value


def convert_options(given: dict[str, str], type_: type[T]) -> T:
    """Return `given` as a `type_`.

    Raises:
        ProblemFound: one is unknown, or no value for what it names.
    """
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(type_))
        told = str(error).replace("`$.", "`").replace("field `", "parameter `")
        raise ProblemFound(MALFORMED, f"{told}. The parameters are: {known}.") from None


async def read_body(
    scope: Scope, fields: Fields, receive: Receive, readings: Readings, share: Share, limit: int
) -> bytes:
    """Return the whole body, which takes as much of `share`.

    Raises:
        ProblemFound: it has more than `limit` bytes, does not come in time, or breaks off.
        Overloaded: there is no room for it.
        Stopping: the server stops.
    """
    length = fields.first("content-length")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    if BODY_IS_HERE in scope.get("state", ()):
        return await _within(receive, share, limit)
    body = b""
    with anyio.move_on_after(readings.seconds) as deadline, readings.reading() as reading:
        body = await _within(receive, share, limit)
    if reading.cancelled_caught:
        raise Stopping
    if deadline.cancelled_caught:
        what = f"The body did not come within {readings.seconds:g} s. Send it again, faster."
        raise ProblemFound(REQUEST_TIMEOUT, what)
    return body


async def _within(receive: Receive, share: Share, limit: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemFound(MALFORMED, "The body broke off. Nothing was done; send it again.")
        block = message.get("body", b"")
        share.take(len(block))
        body += block
        if len(body) > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return bytes(body)


async def read_blocks(request: Request, seconds: float) -> AsyncIterator[bytes]:
    """Yield the body as it comes.

    Raises:
        ProblemFound: nothing comes for `seconds`.
        ClientDisconnect: the client went away.
    """
    blocks = aiter(request.stream())
    while True:
        with anyio.move_on_after(seconds) as deadline:
            block = await anext(blocks, None)
            if block is None:
                return
        if deadline.cancelled_caught:
            raise ProblemFound(REQUEST_TIMEOUT, f"Nothing came for {seconds:g} s. Send what has no answer once more.")
        if block:
            yield block


def _too_large(limit: int) -> ProblemFound:
    return ProblemFound(TOO_LARGE, f"The body has more than {limit} bytes. Send less at a time.")
