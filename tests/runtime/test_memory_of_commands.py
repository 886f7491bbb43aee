"""What was sent is kept no longer than it is needed: not for the rest of a long timeout, and in no cycle of objects."""

import gc
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import httpx
import pytest
from starlette.types import Message
from twofold import App, JsonCommand, NotAccepted, Reject, Runtime
from twofold.runtime.http import commands, requests
from twofold.runtime.http.application import Application
from twofold.runtime.http.commands import SendCommand
from twofold.runtime.http.requests import Readings
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.raw_http import connected, request
from tests.doubles.served import served
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Body(bytes):
    """The JSON of a command, counted."""

    alive: ClassVar[int] = 0

    def __new__(cls, data: bytes) -> Self:
        cls.alive += 1
        return super().__new__(cls, data)

    def __del__(self) -> None:
        type(self).alive -= 1


@pytest.fixture(autouse=True)
def without_collections() -> Iterator[None]:
    """Let nothing be freed but what nobody refers to, as between two rare collections."""
    Body.alive = 0
    gc.disable()
    yield
    gc.enable()


def strict_app() -> App:
    app = accounts_app()

    @app.validate
    def look(command: OpenAccount) -> list[Reject]:
        if command.owner == "bug":
            raise RuntimeError("a bug")
        return [Reject("owner.bad")] if command.owner == "bad" else []

    return app


ENDS = {
    "accepted": (b'{"account":"1","owner":"Ada"}', 202),
    "a fault of the schema": (b'{"acount":"1"}', 422),
    "no JSON": (b'{"account"', 400),
    "a validator's fault": (b'{"account":"1","owner":"bad"}', 422),
    "a validator's bug": (b'{"account":"1","owner":"bug"}', 500),
    "an id that is taken": (b'{"account":"2","owner":"Bo"}', 409),
}


def command(data: bytes) -> JsonCommand:
    return JsonCommand("account.open", Body(data))


@pytest.mark.parametrize("data", [data for data, _ in ENDS.values()], ids=ENDS)
@pytest.mark.parametrize("wait", ["accepted", "projected"])
async def test_nothing_of_a_command_is_kept_once_it_is_answered(data: bytes, wait: Any) -> None:
    async with Runtime(strict_app(), open_stores=MemoryFolder().open) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), command_id="taken")
        taken = "taken" if b"Bo" in data else None
        common: Any = {"wait": wait, "timeout": 3600}
        try:
            await runtime.submit(command(data), command_id=taken, **common)
        except NotAccepted as error:
            told = str(error)
            assert told
        await turns()
        assert Body.alive == 0, "submitted"
        posted = await runtime.post(command(data), command_id=taken, **common)
        assert await posted.answer() is await posted.answer(), "it can be asked for again"
        await turns()
        assert Body.alive == 0, "posted, and its answer held"
        answers = list[object]()
        begun = runtime.begin(command(data), command_id=taken, **common)
        begun.then(answers.append)
        await until(lambda: answers)
        assert begun.is_answered
        assert Body.alive == 0, "begun, and its answer held"


async def test_who_keeps_errors_does_not_keep_the_commands_by_them() -> None:
    async with Runtime(strict_app(), open_stores=MemoryFolder().open) as runtime:
        many = (command(b"{}") for _ in range(10))
        errors = await runtime.submit_many(many, timeout=3600)
        assert len(errors) == 10
        await turns()
        assert Body.alive == 0


@pytest.mark.parametrize(("data", "status"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("by_way_of_asgi", [False, True], ids=["directly", "by way of ASGI"])
async def test_nothing_of_a_request_is_kept_once_it_is_answered(
    monkeypatch: pytest.MonkeyPatch, data: bytes, status: int, by_way_of_asgi: bool
) -> None:
    made = 0

    def counted(type_: str, body: bytes) -> JsonCommand:
        nonlocal made
        made += 1
        return JsonCommand(type_, Body(body))

    monkeypatch.setattr(commands, "JsonCommand", counted)
    if not by_way_of_asgi:
        monkeypatch.setattr(Application, "__call__", None)
    fields = {"Content-Type": "application/json"} | ({"Idempotency-Key": "taken"} if b"Bo" in data else {})
    async with served(strict_app()) as (client, runtime):
        await runtime.submit(OpenAccount("1", "Ada"), command_id="taken")
        if by_way_of_asgi:
            mounted = httpx.AsyncClient(transport=httpx.ASGITransport(runtime.asgi()), base_url="http://localhost")
            answer = await mounted.post("/commands/account.open?timeout=3600", content=data, headers=fields)
        else:
            given = [f"{name}: {value}" for name, value in (fields | {"Content-Length": str(len(data))}).items()]
            async with connected(client) as raw:
                await raw.send(request("POST /commands/account.open?timeout=3600", *given, body=data))
                answer = await raw.answer()
        assert answer.status_code == status
        assert made == 1
        await turns()
        assert Body.alive == 0


async def test_nothing_of_a_request_is_kept_while_its_answer_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    read = requests.read_body

    async def counted(*of: Any) -> bytes:
        return Body(await read(*of))

    monkeypatch.setattr(commands, "read_body", counted)
    alive = list[int]()

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"account":"1","owner":"Ada"}'}

    async def send(_message: Message) -> None:
        alive.append(Body.alive)

    async with Runtime(strict_app(), open_stores=MemoryFolder().open) as runtime:
        scope = {
            "type": "http",
            "path_params": {"type": "account.open"},
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        await SendCommand(runtime, Readings())(scope, receive, send)
    assert alive == [0, 0]
