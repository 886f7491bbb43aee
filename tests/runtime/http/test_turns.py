"""Behind a line that is turned away no new one is accepted, so that a row sent once more keeps its order."""

import json
from collections.abc import AsyncIterator
from itertools import count

import anyio
import httpx
import pytest
from twofold import Ask, Config, Reject, Runtime
from twofold.runtime.config import ValidatorSettings

from tests.doubles.accounts import Deposit, accounts_app
from tests.doubles.served import served

pytestmark = pytest.mark.anyio

NDJSON = {"Content-Type": "application/x-ndjson"}


def deposits(*numbers: int) -> bytes:
    return b"".join(
        json.dumps({"type": "account.deposit", "id": f"d{n}", "data": {"account": "ada", "amount": "1"}}).encode()
        + b"\n"
        for n in numbers
    )


async def test_behind_a_line_for_which_there_is_no_room_no_later_one_gets_in() -> None:
    config = Config(validator=ValidatorSettings(batch=2, max_unhandled=3))
    async with served(config=config) as (client, runtime):
        left = list(range(1, 101))
        first = left[:]
        while left:
            answer = await client.post("/commands?wait=handled", content=deposits(*left), headers=NDJSON)
            told = [json.loads(line) for line in answer.text.splitlines()]
            missed = [each["status"] == 503 for each in told]
            assert missed == sorted(missed), "a line got in behind one that was turned away"
            kinds = {each["type"].rpartition(":")[2] for each in told if each["status"] == 503}
            assert kinds <= {"overloaded", "out-of-turn"}
            left = left[missed.count(False) :]
        outcomes = [await runtime.outcome(f"d{number}") for number in first]
        offsets = [outcome.offset for outcome in outcomes if outcome is not None]
        assert offsets == list(range(1, 101))


async def test_a_validator_that_takes_too_long_for_one_line_holds_up_those_behind_it_and_a_refusal_does_not() -> None:
    app, calls = accounts_app(), count()

    @app.validate
    async def slow_once(command: Deposit, ask: Ask) -> AsyncIterator[Reject]:
        if command.note == "bad":
            yield Reject("note.bad")
        if command.note == "slow" and next(calls) == 0:
            await anyio.sleep_forever()

    def deposit(number: int, note: str) -> bytes:
        data = {"account": "ada", "amount": "1", "note": note}
        return json.dumps({"type": "account.deposit", "id": f"d{number}", "data": data}).encode() + b"\n"

    lines = b"".join(deposit(number, note) for number, note in enumerate(("", "bad", "", "slow", "", "bad", ""), 1))
    async with served(app, Config(validator=ValidatorSettings(timeout=0.05))) as (client, _):
        kinds = []
        for _ in range(2):
            answer = await client.post("/commands?wait=accepted", content=lines, headers=NDJSON)
            told = [json.loads(line) for line in answer.text.splitlines()]
            kinds.append([each.get("type", "accepted").rpartition(":")[2] for each in told])
        assert kinds[0] == [
            "accepted",
            "refused",
            "accepted",
            "validator-timeout",
            "out-of-turn",
            "refused",
            "out-of-turn",
        ]
        assert kinds[1] == ["accepted", "refused", *["accepted"] * 3, "refused", "accepted"]


async def test_a_row_to_a_runtime_that_is_not_at_work_yet_is_told_so_in_a_line() -> None:
    asgi = httpx.ASGITransport(app=Runtime(accounts_app()).asgi())
    async with httpx.AsyncClient(transport=asgi, base_url="http://localhost") as client:
        answer = await client.post("/commands", content=deposits(1, 2), headers=NDJSON)
    (told,) = [json.loads(line) for line in answer.text.splitlines()]
    assert (told["status"], told["type"]) == (503, "urn:twofold:problem:stopping")
