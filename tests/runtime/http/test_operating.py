"""What an operator does over HTTP while the process runs."""

from typing import Any

import httpx
import pytest
from twofold import Config
from twofold.runtime.client.operating import find_effects_on_server
from twofold.runtime.config import SupervisionSettings
from twofold.runtime.http import pages
from twofold.runtime.testing import MemoryFolder

from tests.doubles.refusing import Calls
from tests.doubles.served import problem, served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def parked(folder: MemoryFolder) -> list[str]:
    return [effect.effect_id for effect in await folder.effects.search(states=["parked"])]


async def open_account(client: httpx.AsyncClient, account: str) -> None:
    answer = await client.post("/commands/account.open?wait=projected", json={"account": account, "owner": "Ada"})
    assert answer.status_code == 200


async def test_parked_effects_are_tried_again_and_given_up() -> None:
    calls, folder = Calls(), MemoryFolder()
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await open_account(client, "1")
        await open_account(client, "2")
        await runtime.settled()
        first, second = await parked(folder)
        calls.healed = True
        retried = await client.post("/effects/retry", json={"effect_ids": [first]})
        await runtime.settled()
        discarded = await client.post("/effects/discard", json={"effect_ids": [second]})
        assert (retried.json(), discarded.json()) == ({"released": 1}, {"released": 1})
        assert await parked(folder) == []
    assert calls.delivered == [first]


async def test_an_effect_that_is_not_parked_is_told_and_none_is_released() -> None:
    calls, folder = Calls(), MemoryFolder()
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await open_account(client, "1")
        await runtime.settled()
        (effect_id,) = await parked(folder)
        await client.post("/effects/discard", json={"effect_ids": [effect_id]})
        await open_account(client, "2")
        await runtime.settled()
        (other,) = await parked(folder)
        discarded = await client.post("/effects/retry", json={"effect_ids": [other, effect_id]})
        unknown = await client.post("/effects/retry", json={"effect_ids": [other, "none"]})
        assert (problem(discarded), problem(unknown)) == ((409, "wrong-effect-state"), (404, "unknown-effect"))
        assert await parked(folder) == [other]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"effect_ids":[]}', b'{"effect_ids":[1]}', b'{"ids":["a"]}', b"\xff"])
async def test_a_body_that_names_no_effects_is_refused(body: bytes) -> None:
    async with served() as (client, _):
        answer = await client.post("/effects/retry", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:twofold:problem:malformed")


async def test_a_paused_consumer_is_resumed() -> None:
    calls, folder = Calls(), MemoryFolder()
    async with served(calls.app, open_stores=folder.open):
        await folder.effects.pause("calls", "access denied")
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await open_account(client, "1")
        await runtime.settled()
        answer = await client.post("/consumers/calls/resume", json={})
        assert answer.json() == {"resumed": "calls", "was_paused": True, "to_send": 1}
        assert (await folder.effects.consumers())["calls"].paused is None
        again = await client.post("/consumers/calls/resume", json={})
        assert again.json()["was_paused"] is False


async def test_a_consumer_that_is_none_is_told_with_those_that_there_are() -> None:
    async with served(Calls().app) as (client, _):
        answers = [await client.post("/consumers/mails/resume", json={}), await client.get("/effects?consumer=mails")]
    for answer in answers:
        assert problem(answer) == (404, "unknown-consumer")
        assert answer.json()["detail"] == "No consumer is called 'mails'. There are: calls."


async def test_the_read_database_is_rebuilt_and_goes_back() -> None:
    async with served() as (client, _):
        await open_account(client, "1")
        rebuilt = await client.post("/rebuild", json={})
        back = await client.post("/rebuild?back=true", json={})
        progress = await client.get("/rebuild")
        query = await client.get("/queries/accounts")
    assert (rebuilt.json()["position"], rebuilt.json()["events"]) == (1, 1)
    assert back.status_code == 200
    assert progress.json() == {"progress": None}
    assert query.json()["value"] == ["1"]


async def test_where_there_is_no_way_back_that_is_told() -> None:
    async with served() as (client, _):
        answer = await client.post("/rebuild?back=true", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:twofold:problem:no-way-back")


async def test_effects_are_listed_by_consumer_state_and_id() -> None:
    calls, folder = Calls(), MemoryFolder()
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await open_account(client, "1")
        await open_account(client, "2")
        await runtime.settled()
        first, second = await parked(folder)
        found = [
            (await client.get("/effects", params=asked)).json()["effects"]
            for asked in (
                {},
                {"states": "parked,done", "consumer": "calls"},
                {"states": "done"},
                {"ids": second},
                {"limit": 1},
            )
        ]
    assert [[effect["effect_id"] for effect in each] for each in found] == [
        [first, second],
        [first, second],
        [],
        [second],
        [first],
    ]
    assert found[0][0]["error"] == "no such number"
    assert ["payload" in each[0] for each in found if each] == [False, False, True, False], "only named by id"


async def test_effects_as_rendered_come_in_parts_and_the_command_line_puts_them_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 10)
    calls, folder = Calls(), MemoryFolder()
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        for number in range(3):
            await open_account(client, str(number))
        await runtime.settled()
        ids = await parked(folder)
        found = list[Any]()
        link: str | None = f"/effects?states=parked&ids={','.join(reversed(ids))}"
        while link is not None:
            found.append((await client.get(link)).json())
            link = found[-1].get("next")
        listed = await find_effects_on_server(
            str(client.base_url), consumer="calls", states=(), effect_ids=ids, limit=2
        )
    assert [[effect["effect_id"] for effect in page["effects"]] for page in found] == [[id_] for id_ in ids]
    assert all("payload" in effect for page in found for effect in page["effects"])
    assert [effect.effect_id for effect in listed] == ids[:2]


async def test_an_effect_that_is_none_is_told_and_one_that_is_filtered_out_is_not() -> None:
    calls, folder = Calls(), MemoryFolder()
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await open_account(client, "1")
        await runtime.settled()
        (effect_id,) = await parked(folder)
        unknown = await client.get("/effects", params={"ids": f"{effect_id},none"})
        filtered = await client.get("/effects", params={"ids": effect_id, "states": "done"})
    assert problem(unknown) == (404, "unknown-effect")
    assert filtered.json() == {"effects": []}


@pytest.mark.parametrize("asked", [{"states": "lost"}, {"limit": "0"}, {"state": "parked"}, {"ids": "x," * 100}])
async def test_a_list_that_makes_no_sense_is_refused(asked: dict[str, str]) -> None:
    async with served() as (client, _):
        answer = await client.get("/effects", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:twofold:problem:malformed")


CHANGING = "/rebuild", "/consumers/calls/resume", "/effects/retry", "/effects/discard", "/commands/account.open"


@pytest.mark.parametrize("address", CHANGING)
async def test_a_page_of_another_site_can_change_nothing(address: str) -> None:
    async with served(Calls().app) as (client, runtime):
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", ""):
            answer = await client.post(address, json={}, headers={"Origin": origin})
            assert problem(answer) == (403, "foreign-origin"), origin
        for media_type in ({}, {"Content-Type": "text/plain"}):
            assert problem(await client.post(address, headers=media_type)) == (415, "unsupported-media-type")
        assert runtime.rebuilding() is None
        assert runtime.readiness().log_end == 0


async def test_a_page_of_this_server_may_ask_it() -> None:
    async with served() as (client, _):
        own = f"http://{client.base_url.host}:{client.base_url.port}"
        answer = await client.post("/rebuild", json={}, headers={"Origin": own})
    assert answer.status_code == 200


async def test_a_halted_consumer_is_seen_and_commands_go_on() -> None:
    folder = MemoryFolder()
    once = Config(supervision=SupervisionSettings(backoff_first=0.001, backoff_longest=0.001, restarts=1))

    async def never(*_: object, **__: object) -> None:
        raise RuntimeError("the ledger is gone")

    async with served(Calls().app, once, open_stores=folder.open) as (client, runtime):
        folder.effects.record = never  # type: ignore[method-assign]
        await open_account(client, "1")
        await runtime.settled()
        ready = await client.get("/readyz")
        assert (ready.status_code, len(ready.json()["effects"])) == (200, 1)
