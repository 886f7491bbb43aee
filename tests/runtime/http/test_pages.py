"""An answer has an end, however large what is asked for: the rest is behind a link, and nothing is told twice."""

from typing import Any

import httpx
import pytest
from twofold import Runtime
from twofold.runtime.http import pages
from twofold.runtime.http.lookups import READ_AT_ONCE

from tests.doubles.served import served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

OWNER = "x" * 900_000


async def fill(client: httpx.AsyncClient, events: int, owner: str = "Ada") -> None:
    for number in range(events):
        command, data = ("close", {}) if number % 2 else ("open", {"owner": owner})
        told = await client.post(f"/commands/account.{command}?wait=handled", json={"account": "1"} | data)
        assert told.status_code == 200


async def pages_of(client: httpx.AsyncClient, link: str | None) -> list[httpx.Response]:
    found = []
    while link is not None:
        found.append(await client.get(link))
        link = found[-1].json().get("next")
    return found


async def test_a_history_of_large_events_comes_in_parts_and_few_are_read_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, history = list[int](), Runtime.history

    async def noted(self: Runtime, *arguments: Any, limit: int, **named: Any) -> Any:
        asked.append(limit)
        return await history(self, *arguments, limit=limit, **named)

    monkeypatch.setattr(Runtime, "history", noted)
    async with served() as (client, _):
        await fill(client, 24, OWNER)
        found = await pages_of(client, "/streams/account-1?limit=1000")
    assert [len(page.json()["events"]) for page in found] == [8, 8, 8], "four large ones each, and four small ones"
    assert all(len(page.content) < pages.PAGE_BYTES + 1000 for page in found)
    assert [event["version"] for page in found for event in page.json()["events"]] == list(range(1, 25))
    assert [(page.json()["version"], page.json()["position"]) for page in found] == [(8, 8), (16, 16), (24, 24)]
    assert max(asked) == READ_AT_ONCE


@pytest.mark.parametrize("limit", [1, 19, 20, 21, 41, 42, 43, 1000])
async def test_of_small_events_as_many_come_as_are_asked_for(limit: int) -> None:
    async with served() as (client, _):
        await fill(client, 42)
        found = await pages_of(client, f"/streams/account-1?limit={limit}")
    versions = [[event["version"] for event in page.json()["events"]] for page in found]
    assert versions == [list(range(first, min(first + limit, 43))) for first in range(1, 43, limit)]


async def test_what_is_larger_than_a_page_comes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 10)
    async with served() as (client, _):
        await fill(client, 3)
        found = await pages_of(client, "/streams/account-1")
    assert [[event["version"] for event in page.json()["events"]] for page in found] == [[1], [2], [3]]
