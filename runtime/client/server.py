"""A Twofold server, as a client sees it: commands, queries, and what goes wrong on the way there."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from math import inf
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Raw, Struct

from ...actors.submission import Stage
from ...stores.records import Position
from ..http_terms import TYPE_PREFIX
from .answers import PASSES, Told
from .failures import AnswerTooLarge, NoSuchConsumer, NotTwofold, RequestRefused, ServerAway

__all__ = ["Server"]

NDJSON = "application/x-ndjson"
SLACK = 30.0
"""Seconds that a server may be late with the answer whose waiting time is over."""
MOST_SAID = 64 << 10
"""Bytes of a refusal that are read."""
LONGEST_LINE = 8 << 20
"""Bytes of one line of answer: a refusal names each fault of its command."""
LARGEST_ANSWER = 64 << 20
"""Bytes of any other answer: what a query found, or some effects as they were rendered."""

T = TypeVar("T")


class Found(Struct, frozen=True):
    """The answer to a query, with the value as it came."""

    value: Raw
    position: Position
    projector_halted: str | None = None


class Ready(Struct, frozen=True):
    """How far the server is, as far as a client asks."""

    head: Position


class Server:
    """The server at a URL, over connections that are kept open; used as a block.

    Its certificate is verified, no setting of the environment is looked at, and no redirect is followed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(SLACK),
            trust_env=False,
            headers={"User-Agent": "twofold", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def post_commands(self, lines: bytes, *, wait: Stage, timeout: float, take: Callable[[Told], None]) -> None:
        """Send commands, a line each, and call `take` with each line of answer as it comes.

        They are sent whole before the first answer is read. So they must be no more than a server takes without being
        read: some hundreds.

        Raises:
            ServerAway: it could not be reached, broke off, or cannot answer just now; what was taken stands.
            NotTwofold, RequestRefused: it will never answer this.
        """
        request = self._request(
            "POST", "/commands", timeout, params={"wait": wait, "timeout": timeout}, content=lines, type_=NDJSON
        )
        decode = msgspec.json.Decoder(Told).decode
        async with self._answering(request) as response:
            if response.status_code != 200 or _type_of(response) != NDJSON:
                raise await self._refusal(response)
            rest = b""
            async for block in response.aiter_raw():
                *whole, rest = (rest + block).split(b"\n")
                for line in whole:
                    take(self._read(decode, line))
                if len(rest) > LONGEST_LINE:
                    raise NotTwofold(self.url, "a line of its answer does not end")

    async def query(
        self, name: str, parameters: Mapping[str, str], *, min_position: Position | None, timeout: float
    ) -> Found:
        """Return the answer to a query.

        Raises:
            ServerAway: it could not be reached, or broke off.
            NotTwofold, RequestRefused, AnswerTooLarge: it has another answer to that.
        """
        params: dict[str, Any] = {**parameters, "timeout": timeout}
        if min_position is not None:
            params["min_position"] = min_position
        return await self.ask("GET", f"/queries/{quote(name, safe='')}", Found, params=params, waits=timeout)

    async def ask(
        self,
        method: str,
        path: str,
        type_: type[T],
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        waits: float = 0.0,
    ) -> T:
        """Return the answer to one request, which may take its time for `waits` seconds, as a `type_`.

        Raises:
            ServerAway: it could not be reached, broke off, or cannot answer just now.
            NotTwofold, RequestRefused, AnswerTooLarge: it has another answer to that.
        """
        content = None if body is None else msgspec.json.encode(body)
        media_type = None if body is None else "application/json"
        request = self._request(method, path, waits, params=params, content=content, type_=media_type)
        async with self._answering(request) as response:
            if response.status_code != 200:
                raise await self._refusal(response)
            return self._read(msgspec.json.Decoder(type_).decode, await self._whole(response))

    async def head(self) -> Position:
        """Return the position at which the server's events end; raises as `query` does."""
        async with self._answering(self._request("GET", "/readyz", 0.0)) as response:
            return self._read(msgspec.json.Decoder(Ready).decode, await self._whole(response)).head

    def _request(
        self, method: str, path: str, waits: float, *, type_: str | None = None, **parts: Any
    ) -> httpx.Request:
        headers = {} if type_ is None else {"Content-Type": type_}
        limits = httpx.Timeout(SLACK, read=None if waits == inf else waits + SLACK)
        return self._http.build_request(method, f"{self.url}{path}", headers=headers, timeout=limits, **parts)

    @asynccontextmanager
    async def _answering(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send `request`, and close its answer at the end; what goes wrong on the way is told in our words."""
        try:
            response = await self._http.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise self._failure(error) from error

    async def _whole(self, response: httpx.Response) -> bytes:
        """Return the body of an answer as it came: what is compressed all the same is not unpacked to any size."""
        body = bytearray()
        async for block in response.aiter_raw():
            body += block
            if len(body) > LARGEST_ANSWER:
                raise AnswerTooLarge(f"{response.request.method} {response.request.url.path}", LARGEST_ANSWER)
        return bytes(body)

    def _failure(self, error: httpx.TransportError) -> ServerAway | NotTwofold:
        said = str(error).rstrip(".") or type(error).__name__
        if _is_about_tls(error):
            return NotTwofold(self.url, f"no connection can be trusted ({said})")
        if isinstance(error, httpx.ConnectError):
            return ServerAway(f"Nothing listens at {self.url} ({said}). Start `twofold run` there, or correct the URL.")
        if isinstance(error, httpx.TimeoutException):
            return ServerAway(f"{self.url} took too long ({type(error).__name__}).")
        if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in said and "closed" not in said:
            return NotTwofold(self.url, f"it speaks no HTTP ({said})")
        return ServerAway(f"The connection to {self.url} broke off ({said}).")

    async def _refusal(self, response: httpx.Response) -> ServerAway | NotTwofold | RequestRefused:
        """Return what an answer means that is not the one that was asked for."""
        said = bytearray()
        async for block in response.aiter_raw():
            said += block
            if len(said) > MOST_SAID:
                break
        status = response.status_code
        try:
            told = msgspec.json.decode(said, type=Told)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = Told(status)
        is_ours = told.type.startswith(TYPE_PREFIX) and told.kind != "not-found"
        is_query = response.request.method == "GET"
        if status in PASSES and not (is_ours and is_query):
            asked = response.headers.get("Retry-After", "")
            what = told.detail if is_ours else f"{response.reason_phrase}."
            return ServerAway(f"{self.url} answered {status}: {what}", float(asked) if asked.isdecimal() else 0.0)
        if is_ours:
            return (NoSuchConsumer if told.kind == "unknown-consumer" else RequestRefused)(told.detail)
        asked_for = f"{response.request.method} {response.request.url.path}"
        return NotTwofold(self.url, f"it answered {asked_for} with {status} and {_type_of(response) or 'no type'}")

    def _read(self, decode: Callable[[bytes], T], text: bytes) -> T:
        try:
            return decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotTwofold(self.url, f"its answer cannot be read ({error})") from None


def _type_of(response: httpx.Response) -> str:
    type_: str = response.headers.get("Content-Type", "")
    return type_.partition(";")[0].strip().lower()


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
