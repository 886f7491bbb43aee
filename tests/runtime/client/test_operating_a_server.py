"""`twofold effects --url` and `twofold rebuild --url`: a server that goes on is seen to from outside."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from anyio import to_thread
from twofold import Runtime
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.client.operating import mend_effects_on_server
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import OpenAccount
from tests.doubles.command_line import CommandLine, Finished
from tests.doubles.refusing import Calls
from tests.doubles.scripted_server import scripted_server
from tests.doubles.served import served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


class Operator:
    """The command line beside a server, in a folder with neither data nor settings."""

    def __init__(self, folder: Path, url: str) -> None:
        self._command_line = CommandLine(folder / "none")
        self._url = url

    async def run(self, *arguments: str) -> Finished:
        return await to_thread.run_sync(lambda: self._command_line.run_plain(*arguments, "--url", self._url))

    async def listed(self, *options: str) -> list[tuple[str, str]]:
        found = await self.run("effects", "list", "--json", *options)
        return [(effect["effect_id"], effect["state"]) for effect in found.answer]


@asynccontextmanager
async def at_work(calls: Calls, folder: Path) -> AsyncIterator[tuple[Operator, Runtime]]:
    async with served(calls.app, open_stores=MemoryFolder().open) as (client, runtime):
        await runtime.submit_many([OpenAccount(account, "Ada") for account in "12"], wait="projected")
        await runtime.settled()
        yield Operator(folder, str(client.base_url)), runtime


async def test_what_is_parked_is_seen_tried_again_and_given_up(tmp_path: Path) -> None:
    calls = Calls()
    async with at_work(calls, tmp_path) as (operator, _):
        first, second = [effect_id for effect_id, _ in await operator.listed("--state", "parked")]
        shown = await operator.run("effects", "show", first)
        assert "error     no such number" in shown.out
        still = await operator.run("effects", "retry", first)
        assert (still.code, still.out.splitlines()[0]) == (ExitCode.NOT_DONE, "1 tried again, 1 parked once more")
        calls.healed = True
        healed = await operator.run("effects", "retry", first)
        assert (healed.code, healed.out) == (ExitCode.DONE, "1 tried again, 0 parked once more\n")
        given_up = await operator.run("effects", "discard", "--consumer", "calls")
        assert (given_up.code, given_up.out) == (ExitCode.DONE, "1 discarded, 0 parked once more\n")
        assert await operator.listed() == [(first, "done"), (second, "discarded")]
    assert calls.delivered == [first]


async def test_all_that_a_consumer_has_parked_is_tried_again(tmp_path: Path) -> None:
    calls = Calls()
    async with at_work(calls, tmp_path) as (operator, _):
        calls.healed = True
        retried = await operator.run("effects", "retry", "--consumer", "calls")
        none_left = await operator.run("effects", "retry", "--consumer", "calls")
    assert retried.out == "2 tried again, 0 parked once more\n"
    assert none_left.out == "0 tried again, 0 parked once more\n"
    assert len(calls.delivered) == 2


RECORD = {"consumer": "mails", "position": 1, "ordinal": 0, "stream": "account-1", "attempts": 1} | {
    "error": "no such number",
    "result": None,
    "changed": 1,
}


class Mails:
    """A server with 250 parked mails; what is named by its id comes as rendered, a quarter of a megabyte each."""

    def __init__(self) -> None:
        self.ids = [f"{number:03}" for number in range(250)]
        self.largest = 0
        self.released: list[str] = []

    def handle(self, head: bytes, body: bytes) -> tuple[bytes, bool]:
        asked = httpx.URL(head.split()[1].decode()).params
        if head.startswith(b"POST"):
            self.released = json.loads(body)["effect_ids"]
            return answer({"released": len(self.released)}), True
        ids = asked["ids"].split(",") if asked["ids"] else []
        found = [id_ for id_ in ids or self.ids if "parked" in asked["states"]][: int(asked["limit"])]
        whole = {"payload": "x" * (1 << 18)} if ids else {}
        told = answer({"effects": [RECORD | whole | {"effect_id": id_, "state": "parked"} for id_ in found]})
        self.largest = max(self.largest, len(told))
        return told, True


def answer(body: object) -> bytes:
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text


async def test_of_many_mails_that_are_parked_once_more_few_come_as_rendered_at_a_time() -> None:
    mails = Mails()
    async with scripted_server(mails.handle) as url:
        released, still = await mend_effects_on_server(url, consumer="mails", effect_ids=(), again=True, timeout=30)
    assert released == len(mails.released) == 250
    assert [effect.effect_id for effect in still] == mails.ids
    assert {effect.payload for effect in still} == {""}
    assert mails.largest < 2 << 20


async def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    async with at_work(Calls(), tmp_path) as (operator, _):
        told = [
            await operator.run(*command)
            for command in (
                ("effects", "show", "x"),
                ("effects", "retry", "x"),
                ("effects", "resume", "x"),
                ("effects", "list", "--consumer", "x"),
                ("effects", "discard", "--consumer", "x"),
            )
        ]
    assert [each.code for each in told] == [ExitCode.NOT_DONE] * 2 + [ExitCode.USAGE] * 3
    for each in told[:2]:
        assert "No effect in the ledger has the id x" in each.err
    for each in told[2:]:
        assert "No consumer is called 'x'. There are: calls." in each.err


async def test_a_paused_consumer_is_resumed(tmp_path: Path) -> None:
    async with at_work(Calls(), tmp_path) as (operator, runtime):
        await runtime._stores.effects.pause("calls", "access denied")
        resumed = await operator.run("effects", "resume", "calls")
        assert (resumed.code, resumed.out) == (ExitCode.DONE, "calls goes on; it has 0 effects to send\n")
        again = await operator.run("effects", "resume", "calls", "--json")
        assert again.answer == {"resumed": "calls", "was_paused": False, "to_send": 0}
        assert (await runtime._stores.effects.consumers())["calls"].paused is None


async def test_the_read_database_is_rebuilt_and_goes_back_while_the_server_answers(tmp_path: Path) -> None:
    async with at_work(Calls(), tmp_path) as (operator, runtime):
        no_way_back = await operator.run("rebuild", "--back")
        rebuilt = await operator.run("rebuild")
        back = await operator.run("rebuild", "--back", "--json")
        assert (await runtime.query("accounts")).value == ["1", "2"]
    assert (no_way_back.code, "There is no way back" in no_way_back.err) == (ExitCode.NOT_DONE, True)
    assert (rebuilt.code, "rebuilt, at position 2: 2 events applied" in rebuilt.out) == (ExitCode.DONE, True)
    assert back.answer["position"] == 2
