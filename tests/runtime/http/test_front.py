"""A command finds its endpoint past the routes of all other requests, and is answered as it would be by way of them."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from twofold import Runtime
from twofold.runtime.http.application import application
from twofold.runtime.http.front import Front
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import accounts_app
from tests.doubles.served import problem

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


class Noting:
    """An application that notes where a request went, and under which parameters of its path."""

    def __init__(self, name: str, went: list[tuple[str, object]]) -> None:
        self.name, self.went = name, went

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.went.append((self.name, scope.get("path_params")))


async def where(**scope: str) -> tuple[str, object]:
    """Return where a request goes."""
    went: list[tuple[str, object]] = []
    front = Front(Noting("commands", went), Noting("routes", went))
    unused: Any = None
    await front({"type": "http", "method": "POST", "root_path": "", **scope}, unused, unused)
    return went[0]


async def test_a_command_goes_to_its_endpoint() -> None:
    assert await where(path="/commands/order.place") == ("commands", {"type": "order.place"})


@pytest.mark.parametrize(
    "scope",
    [
        {"path": "/commands/order.place", "method": "GET"},
        {"path": "/commands/order.place", "root_path": "/shop"},
        {"path": "/commands/order.place", "type": "websocket"},
        {"path": "/commands/order/place"},
        {"path": "/commands/"},
        {"path": "/commands"},
        {"path": "/effects/retry"},
        {"type": "lifespan"},
    ],
    ids=str,
)
async def test_all_else_goes_by_the_routes(scope: dict[str, str]) -> None:
    assert await where(**scope) == ("routes", None)


ADA = {"account": "1", "owner": "Ada"}
JSON, KEY = {"Content-Type": "application/json"}, {"Idempotency-Key": "mine"}
REQUESTS: list[dict[str, Any]] = [
    {"url": "/commands/account.open?wait=projected", "json": ADA, "headers": KEY},
    {"url": "/commands/account.open?wait=handled", "json": ADA, "headers": KEY},
    {"url": "/commands/account.open", "json": ADA | {"owner": "Bo"}, "headers": KEY},
    {"url": "/commands/account.open?wait=handled", "json": ADA, "headers": {"Idempotency-Key": "another"}},
    {"url": "/commands/account.open", "json": {}, "headers": {"Idempotency-Key": "without"}},
    {"url": "/commands/account.open", "content": b"{", "headers": JSON | {"Idempotency-Key": "broken"}},
    {"url": "/commands/account.open", "content": b"{}", "headers": KEY},
    {"url": "/commands/account.open", "json": ADA, "headers": [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]},
    {"url": "/commands/account.open?wait=never", "json": ADA},
    {"url": "/commands/account.open", "content": b" " * ((1 << 20) + 1), "headers": JSON},
    {"url": "/commands/nothing", "json": {}, "headers": KEY},
    {"url": "/commands/account.open/more", "json": ADA},
]


async def answers(below: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Return status, headers and body of the answers of a new runtime that is mounted `below` a path."""
    runtime = Runtime(accounts_app(), open_stores=MemoryFolder().open)
    app: ASGIApp = application(runtime)
    if below:
        app = Starlette(routes=[Mount(below, app)])
    transport = httpx.ASGITransport(app)
    async with runtime, httpx.AsyncClient(transport=transport, base_url=f"http://localhost{below}") as client:
        told = [await client.post(**request) for request in REQUESTS]
    return [(answer.status_code, dict(answer.headers), answer.content.replace(below.encode(), b"")) for answer in told]


async def test_a_command_is_answered_in_the_same_way_past_the_routes_and_by_way_of_them() -> None:
    past, by_way_of_them = await answers(""), await answers("/shop")
    assert [status for status, _, _ in past] == [200, 200, 409, 409, 422, 400, 415, 400, 400, 413, 404, 404]
    assert [(status, body) for status, _, body in past] == [(status, body) for status, _, body in by_way_of_them]
    names = [sorted(headers) for _, headers, _ in past]
    assert names == [sorted(headers) for _, headers, _ in by_way_of_them]


class Broken:
    """A service with a bug."""

    async def submit(self, _command: object, **_options: object) -> None:
        """Raise what nobody foresaw."""
        raise RuntimeError("a bug")


async def test_a_bug_behind_a_command_is_told_as_one_and_raised_to_the_server_which_logs_it() -> None:
    broken: Any = Broken()
    for told in (True, False):
        transport = httpx.ASGITransport(application(broken), raise_app_exceptions=not told)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            if told:
                assert problem(await client.post("/commands/account.open", json={})) == (500, "internal")
            else:
                with pytest.raises(RuntimeError, match="a bug"):
                    await client.post("/commands/account.open", json={})
