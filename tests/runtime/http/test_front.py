"""A command finds its endpoint past the routes of all other requests, and is answered as it would be by way of them."""

from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from twofold.runtime.http.application import application
from twofold.runtime.http.front import Front

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
