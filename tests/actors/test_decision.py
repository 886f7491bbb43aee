"""Decisions come out the same whenever they are made: from stored forms, with the record's time and ids."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct
from twofold import App, Context, Runtime
from twofold.runtime.config import Config, HandlerSettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime
from twofold.stores.errors import WrongCursor
from twofold.stores.records import CommandRecord

from tests.doubles.planned_stores import Plan, planned

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Note(Struct, frozen=True):
    key: str


class Noted(Struct, frozen=True):
    at: datetime
    ids: tuple[UUID, ...]
    ratio: float
    seen: str = ""


class Notes(Struct, frozen=True):
    ratio: float = 0.0
    seen: tuple[str, ...] = ()


def notes_app(seen: list[object], version: int = 1) -> App:
    app = App("notes")
    decider = app.decider("note", Notes, version=version, key="key", commands={"note": Note}, events={"noted": Noted})

    @decider.decide
    def decide(state: Notes, command: Note, context: Context) -> list[Noted]:
        seen.append(state)
        ids = (context.new_id(), context.new_id())
        return [
            Noted(context.time, ids, 1, f"{context.command_id} {context.key} {context.version} {context.principal}")
        ]

    @decider.evolve
    def evolve(state: Notes, event: Noted) -> Notes:
        seen.append(event)
        return Notes(1, [*state.seen, event.seen])  # type: ignore[arg-type]  # a list where a tuple belongs

    return app


async def test_time_and_new_ids_are_those_of_the_log_record_however_often_it_is_handled() -> None:
    folder, plan, seen = MemoryFolder(), Plan(), list[object]()
    record = CommandRecord("c1", "note", "note-a-b", b'{"key":"a-b"}', b"digest", 1_500_000, None, "ada")
    await folder.log.append([record])
    plan.fail("commit", WrongCursor("handler", 0, 1))  # so that it is decided twice
    config = Config(supervision=msgspec.structs.replace(Config().supervision, backoff_first=0.001))
    async with Runtime(notes_app(seen), config, open_stores=planned(plan, folder.open)) as runtime:
        await runtime.settled()
        (noted,) = await runtime.history("note-a-b")
    first, second = (event for event in seen if isinstance(event, Noted))
    assert first == second == noted.event
    assert first.at == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert len(set(first.ids)) == 2
    assert {each.version for each in first.ids} == {8}
    assert first.seen == "c1 a-b 0 ada"


@pytest.mark.parametrize("cached", [1, 10_000])
async def test_events_and_states_are_seen_as_they_come_back_whether_cached_or_loaded(cached: int) -> None:
    seen: list[object] = []
    config = Config(handler=HandlerSettings(batch=1, cached_states=cached))
    async with MemoryRuntime(notes_app(seen), config) as runtime:
        for n in range(3):
            await runtime.submit(Note("1"), command_id=f"c{n}", wait="handled")
            await runtime.submit(Note("2"), wait="handled")
    for each in seen:
        assert isinstance(each, Notes | Noted)
        assert type(each.ratio) is float
        assert not isinstance(each, Notes) or type(each.seen) is tuple


async def test_another_version_of_a_decider_folds_its_states_anew() -> None:
    folder, seen = MemoryFolder(), list[object]()
    async with MemoryRuntime(notes_app(seen), folder=folder) as runtime:
        await runtime.submit_many([Note("1") for _ in range(3)], wait="handled")
    before = (await folder.events.states(["note-1"]))["note-1"]
    for version, folded in ((1, 1), (2, 4 + 1)):
        del seen[:]
        async with MemoryRuntime(notes_app(seen, version), folder=folder) as runtime:
            await runtime.submit(Note("1"), wait="handled")
        assert len([event for event in seen if isinstance(event, Noted)]) == folded
    after = (await folder.events.states(["note-1"]))["note-1"]
    assert (before.version, after.version, before.fingerprint == after.fingerprint) == (3, 5, False)
