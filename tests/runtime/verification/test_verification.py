"""`verify`: a sound folder passes, and what is no fault is told as what it is."""

import sqlite3
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct
from twofold import App, Claim, Context, EventMeta, Runtime, Statement, sql
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.report import InvalidHead, VerificationReport, format_head, parse_head
from twofold.runtime.verification.verification import verify
from twofold.stores.chain import seal
from twofold.stores.errors import NoSuchStore
from twofold.stores.records import GENESIS, Head

from tests.doubles.accounts import Deposit, accounts_app
from tests.doubles.ledger import ACCOUNTS, DEPOSITS, ask, config_of, edit, ledger_app, places_and_faults, verified

pytestmark = pytest.mark.anyio


async def test_a_sound_folder_passes_and_the_report_tells_what_was_looked_at(folder: DataFolder) -> None:
    report = await verified(folder)
    assert (report.faults, report.notes, report.is_sound) == ((), (), True)
    checked = report.checked
    commands, events = ACCOUNTS + DEPOSITS + 5, ACCOUNTS + DEPOSITS + 1
    assert (checked.commands, checked.outcomes, checked.unhandled, checked.events) == (commands, commands, 0, events)
    assert (checked.streams, checked.states, checked.claims) == (ACCOUNTS, ACCOUNTS, ACCOUNTS)
    assert (checked.tables, checked.rows) == (2, ACCOUNTS - 1 + events)
    assert len(list(folder.log.glob("*.log"))) > 2


async def test_the_report_is_json(folder: DataFolder) -> None:
    report = await verified(folder)
    assert msgspec.json.decode(msgspec.json.encode(report), type=VerificationReport) == report


async def test_nothing_is_changed_and_a_second_time_tells_the_same(folder: DataFolder) -> None:
    before = {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()}
    first = await verified(folder)
    assert {path: path.read_bytes() for path in before} == before
    assert await verified(folder) == first


async def test_progress_is_told_on_the_event_loop_for_each_part(folder: DataFolder) -> None:
    parts: dict[str, tuple[int, int]] = {}
    loop_thread = threading.get_ident()

    def progress(part: str, done: int, total: int) -> None:
        assert threading.get_ident() == loop_thread
        parts[part] = done, total

    await verify(folder, ledger_app().domain(), progress=progress)
    assert {"log", "outcomes", "events", "states", "read database"} <= parts.keys()
    assert all(done == total for done, total in parts.values())


async def test_a_folder_that_is_none_is_an_error_and_no_fault(tmp_path: Path) -> None:
    with pytest.raises(NoSuchStore):
        await verified(DataFolder(tmp_path / "nowhere"))


async def test_the_head_of_an_earlier_verification_still_lies_on_the_history(folder: DataFolder) -> None:
    earlier = await verified(folder)
    assert earlier.head is not None
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        await runtime.submit(Deposit("a1", Decimal(7)), wait="projected")
    later = await verified(folder, head=parse_head(earlier.head))
    assert later.is_sound
    assert later.head != earlier.head
    assert (await verified(folder, head=GENESIS)).is_sound


async def test_a_history_that_was_rewritten_whole_is_told_by_the_exported_head(folder: DataFolder) -> None:
    head = (await verified(folder)).head
    assert head is not None
    rewrite_history(folder.write_db)
    assert not [fault for fault in (await verified(folder)).faults if "event " in fault.where]
    faults = (await verified(folder, head=parse_head(head))).faults
    assert any("the history up to here was changed since" in fault.what for fault in faults)


async def test_a_head_past_the_end_of_the_history_is_a_fault(folder: DataFolder) -> None:
    (fault,) = (await verified(folder, head=Head(1000, bytes(32)))).faults
    assert "event 1000" in fault.where
    assert "events are missing" in fault.what


async def test_a_gap_in_the_versions_of_a_stream_is_named_even_where_the_hashes_are_right(folder: DataFolder) -> None:
    edit(folder.write_db, "UPDATE events SET version = 9 WHERE stream = 'account-a1' AND version = 5")
    rewrite_history(folder.write_db)
    faults = await places_and_faults(folder)
    assert any("it is version 9 of account-a1, and follows version 4" in each for each in faults)


def rewrite_history(file: Path) -> None:
    """Edit the time of the last event, and seal all events anew."""
    columns = "position, stream, version, type, schema_version, data, metadata, time"
    last = ask(file, "SELECT max(position) FROM events")[0][0]
    head = GENESIS
    with closing(sqlite3.connect(file)) as connection:
        for position, stream, version, kind, schema_version, data, metadata, time in connection.execute(
            f"SELECT {columns} FROM events ORDER BY position"
        ).fetchall():
            later = time + (position == last)
            event = seal(head, stream, version, kind, schema_version, data, metadata, later)
            head = Head(event.position, event.hash)
            row = event.time, event.digest, event.hash, position
            connection.execute("UPDATE events SET time = ?, digest = ?, hash = ? WHERE position = ?", row)
        connection.commit()


@pytest.mark.parametrize("text", ["", "7", "7:", "x:00", "7:zz", "7:00", f"-1:{bytes(32).hex()}"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(InvalidHead):
        parse_head(text)


def test_a_head_survives_its_text() -> None:
    head = Head(12, bytes(range(32)))
    assert parse_head(format_head(head)) == head


async def test_of_many_faults_of_one_kind_some_are_named_and_the_rest_is_counted(folder: DataFolder) -> None:
    edit(folder.write_db, "UPDATE events SET time = time + 1")
    report = await verified(folder)
    assert any("more faults of this kind" in fault.what for fault in report.faults)
    assert len([fault for fault in report.faults if "its hash does not follow" in fault.what]) == 50


async def test_other_projections_than_those_that_built_the_read_database_are_a_note(folder: DataFolder) -> None:
    report = await verified(folder, accounts_app())
    assert report.is_sound
    assert any("was built by other projections" in note for note in report.notes)


async def test_a_state_folded_by_other_code_is_no_fault(folder: DataFolder) -> None:
    edit(folder.write_db, "UPDATE states SET fingerprint = 'older', data = '{}'")
    report = await verified(folder)
    assert report.is_sound
    assert report.notes[0].startswith(f"{ACCOUNTS} states were folded by other code")


class Tagged(Struct, frozen=True):
    tag: str


class Tag(Struct, frozen=True):
    key: str
    tag: str


class Tags(Struct, frozen=True):
    tags: frozenset[str] = frozenset()


def tags_app() -> App:
    app = App("tags")
    decider = app.decider("tags", Tags, key="key", commands={"tag": Tag}, events={"tagged": Tagged})

    @decider.decide
    def decide(state: Tags, command: Tag, context: Context) -> list[Tagged]:
        return [Tagged(command.tag)]

    @decider.evolve
    def evolve(state: Tags, event: Tagged) -> Tags:
        return Tags(state.tags | {event.tag})

    return app


class Reserve(Struct, frozen=True):
    key: str
    name: str


async def test_a_claim_that_came_without_an_event_has_its_stream(tmp_path: Path) -> None:
    app = App("names")
    decider = app.decider("name", Tags, key="key", commands={"reserve": Reserve}, events={"tagged": Tagged})
    decider.decide(reserve)
    decider.evolve(unchanged)
    folder = DataFolder(tmp_path / "data")
    async with Runtime(app, config_of(folder.root)) as runtime:
        await runtime.submit(Reserve("k", "mine"), wait="projected")
    report = await verified(folder, app)
    assert (report.faults, report.checked.claims, report.checked.events) == ((), 1, 0)


def reserve(state: Tags, command: Reserve, context: Context) -> list[Claim]:
    return [Claim.take("name", command.name)]


def unchanged(state: Tags, event: Tagged) -> Tags:
    return state


async def test_a_set_in_a_state_has_no_order(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    async with Runtime(tags_app(), config_of(folder.root)) as runtime:
        await runtime.submit_many([Tag("k", "a"), Tag("k", "b")], wait="projected")
    (data,) = ask(folder.write_db, "SELECT data FROM states")[0]
    other = '{"tags":["a","b"]}' if data == '{"tags":["b","a"]}' else '{"tags":["b","a"]}'
    edit(folder.write_db, f"UPDATE states SET data = '{other}'")
    assert (await verified(folder, tags_app())).is_sound
    edit(folder.write_db, """UPDATE states SET data = '{"tags":["a","c"]}'""")
    assert not (await verified(folder, tags_app())).is_sound


class Sum(Struct, frozen=True):
    total: Decimal = Decimal(0)


async def test_a_state_that_comes_back_as_its_type_says_is_no_fault_though_it_was_made_otherwise(
    tmp_path: Path,
) -> None:
    app = App("sums")
    decider = app.decider("sum", Sum, key="key", commands={"tag": Tag}, events={"tagged": Tagged})

    @decider.decide
    def decide(state: Sum, command: Tag, context: Context) -> list[Tagged]:
        return [Tagged(command.tag)]

    @decider.evolve
    def evolve(state: Sum, event: Tagged) -> Sum:
        return Sum(sum(()))  # type: ignore[arg-type] # the number 0, and no Decimal

    folder = DataFolder(tmp_path / "data")
    async with Runtime(app, config_of(folder.root)) as runtime:
        await runtime.submit(Tag("k", "a"), wait="projected")
    assert (await verified(folder, app)).faults == ()


async def test_rows_that_a_foreign_key_deletes_are_no_fault(tmp_path: Path) -> None:
    app = tags_app()
    lists = app.projection(
        "lists",
        schema="CREATE TABLE list (id TEXT PRIMARY KEY) STRICT; "
        "CREATE TABLE item (list TEXT NOT NULL REFERENCES list ON DELETE CASCADE, tag TEXT NOT NULL) STRICT;",
    )

    @lists.on
    def tagged(event: Tagged, meta: EventMeta) -> list[Statement]:
        if event.tag == "delete":
            return [sql("DELETE FROM list WHERE id = ?", meta.key)]
        return [
            sql("INSERT INTO list VALUES (?)", meta.key),
            sql("INSERT INTO item VALUES (?, ?)", meta.key, event.tag),
        ]

    folder = DataFolder(tmp_path / "data")
    async with Runtime(app, config_of(folder.root)) as runtime:
        await runtime.submit_many([Tag("k", "a"), Tag("k", "delete"), Tag("l", "b")], wait="projected")
    assert (await verified(folder, app)).faults == ()
