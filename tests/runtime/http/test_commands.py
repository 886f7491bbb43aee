"""One command a request: what is answered, with which status, and that the same id gets the same answer."""

from typing import Any

import pytest

from tests.doubles.served import problem, served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ADA = {"account": "1", "owner": "Ada"}


async def test_a_command_is_accepted_with_its_offset() -> None:
    async with served() as (client, _):
        answer = await client.post("/commands/account.open", json=ADA)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["offset"], told["stage"], told["status"]) == (1, "accepted", 202)
    assert told["command_id"]


@pytest.mark.parametrize("wait", ["handled", "projected"])
async def test_who_waits_gets_the_outcome_and_the_position(wait: str) -> None:
    async with served() as (client, _):
        answer = await client.post("/commands/account.open", params={"wait": wait}, json=ADA)
        told = answer.json()
        assert (answer.status_code, told["stage"], told["outcome"]) == (200, wait, "handled")
        assert (told["stream"], told["version"], told["events"], told["position"]) == ("account-1", 1, 1, 1)
        query = await client.get("/queries/accounts", params={"min_position": told["position"]})
    assert query.json() == {"value": ["1"], "position": 1}


@pytest.mark.parametrize("sent_as", ["mine", '"mine"'])
async def test_the_same_id_gets_the_same_answer_and_nothing_happens_again(sent_as: str) -> None:
    async with served() as (client, runtime):
        headers = {"Idempotency-Key": sent_as}
        first = await client.post("/commands/account.open?wait=handled", json=ADA, headers=headers)
        again = await client.post("/commands/account.open?wait=handled", json=ADA, headers=headers)
        outcome = await client.get("/outcomes/mine")
        assert len(await runtime.history("account-1")) == 1
    assert again.json() == first.json() | {"repeated": True}
    assert outcome.json()["position"] == first.json()["position"]


async def test_a_conversation_that_is_named_goes_along_with_the_events() -> None:
    async with served() as (client, runtime):
        headers = {"Correlation-Id": "a talk"}
        await client.post("/commands/account.open?wait=handled", json=ADA, headers=headers)
        (event,) = await runtime.history("account-1")
    assert event.correlation_id == "a talk"


async def test_the_id_of_another_command_is_refused() -> None:
    async with served() as (client, _):
        headers = {"Idempotency-Key": "mine"}
        await client.post("/commands/account.open", json=ADA, headers=headers)
        other = await client.post("/commands/account.open", json=ADA | {"owner": "Bo"}, headers=headers)
    assert problem(other) == (409, "command-id-reused")


async def test_what_a_rule_says_no_to_is_told_with_its_faults() -> None:
    async with served() as (client, _):
        for _ in range(2):
            answer = await client.post("/commands/account.open?wait=handled", json=ADA)
    assert problem(answer) == (409, "rejected")
    told = answer.json()
    assert told["faults"] == [{"code": "account.exists", "path": "account", "facts": {"owner": "Ada"}}]
    assert (told["offset"], told["stage"]) == (2, "handled")


async def test_another_version_than_the_expected_one_is_a_conflict() -> None:
    async with served() as (client, _):
        answer = await client.post("/commands/account.open?wait=handled&expected_version=3", json=ADA)
    assert problem(answer) == (409, "version-conflict")
    assert answer.json()["faults"][0]["facts"] == {"expected": 3, "actual": 0}


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no JSON": ({"content": b'{"account":'}, 400, "malformed"),
    "another type": ({"content": b"[]"}, 422, "refused"),
    "a field of another type": ({"json": {"account": 1, "owner": "Ada"}}, 422, "refused"),
    "an empty key": ({"json": {"account": "", "owner": "Ada"}}, 422, "refused"),
    "more than may be sent": ({"content": b'"' + b"x" * (1 << 20) + b'"'}, 413, "too-large"),
    "an unknown parameter": ({"json": ADA, "params": {"wiat": "handled"}}, 400, "malformed"),
    "a stage that is none": ({"json": ADA, "params": {"wait": "done"}}, 400, "malformed"),
    "a version that is none": ({"json": ADA, "params": {"expected_version": "-1"}}, 400, "malformed"),
    "a parameter twice": ({"json": ADA, "params": [("wait", "handled"), ("wait", "handled")]}, 400, "malformed"),
    "an empty id": ({"json": ADA, "headers": [("Idempotency-Key", "")]}, 400, "malformed"),
    "two ids": ({"json": ADA, "headers": [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]}, 400, "malformed"),
    "an id outside of ASCII": ({"json": ADA, "headers": [(b"Idempotency-Key", b"\xe4")]}, 400, "malformed"),
}


@pytest.mark.parametrize(("request_", "status", "name"), WRONG.values(), ids=WRONG.keys())
async def test_what_is_wrong_is_named_and_nothing_is_accepted(request_: dict[str, Any], status: int, name: str) -> None:
    async with served() as (client, runtime):
        headers = [("Content-Type", "application/json"), *request_.get("headers", ())]
        answer = await client.post("/commands/account.open", **(request_ | {"headers": headers}))
        assert problem(answer) == (status, name)
        assert runtime.readiness().log_end == 0


async def test_an_unknown_command_is_told_with_those_that_there_are() -> None:
    async with served() as (client, _):
        answer = await client.post("/commands/account.opn", json=ADA)
    assert problem(answer) == (404, "unknown-command")
    assert "account.open, account.deposit, account.close" in answer.json()["detail"]


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
async def test_a_body_that_is_not_called_json_is_refused(type_: str) -> None:
    async with served() as (client, _):
        answer = await client.post("/commands/account.open", content=b"{}", headers={"Content-Type": type_})
    assert problem(answer) == (415, "unsupported-media-type")
    assert answer.headers["accept-post"] == "application/json"


async def test_another_method_is_refused_with_the_one_that_is_taken() -> None:
    async with served() as (client, _):
        answer = await client.get("/commands/account.open")
    assert (*problem(answer), answer.headers["allow"]) == (405, "method-not-allowed", "POST")


async def test_an_address_that_is_none_is_told_with_those_that_there_are() -> None:
    async with served() as (client, _):
        answer = await client.get("/command")
    assert problem(answer) == (404, "not-found")
    assert "POST /commands/{type}" in answer.json()["detail"]


async def test_a_request_for_another_host_is_turned_away() -> None:
    async with served() as (client, runtime):
        answer = await client.post("/commands/account.open", json=ADA, headers={"Host": "shop.example:8080"})
        assert problem(answer) == (421, "misdirected")
        assert runtime.readiness().log_end == 0
