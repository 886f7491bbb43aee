"""`verify`: a sound folder passes, every damage is named with its place, and nothing is a traceback."""

import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from msgspec import Struct
from twofold import App, Config, Context, EventMeta, Runtime, Statement, sql
from twofold.runtime.config import DataSettings, LogSettings
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification import verify
from twofold.runtime.verification_report import InvalidHead, VerificationReport, format_head, parse_head
from twofold.stores.chain import seal
from twofold.stores.errors import NoSuchStore
from twofold.stores.records import GENESIS, Head

from tests.doubles.accounts import (
    AccountClosed,
    AccountOpened,
    CloseAccount,
    Deposit,
    Deposited,
    OpenAccount,
    accounts_app,
)

pytestmark = pytest.mark.anyio

ACCOUNTS = 12
DEPOSITS = 40


def ledger_app() -> App:
    """Return the accounts with one more projection, whose table has an index and no primary key."""
    app = accounts_app()
    schema = """CREATE TABLE journal(account TEXT, entry TEXT, size REAL, raw BLOB);
                CREATE INDEX by_account ON journal(account)"""
    journal = app.projection("journal", version=1, schema=schema)

    @journal.on
    def entered(event: AccountOpened | Deposited | AccountClosed, meta: EventMeta) -> Iterator[Statement]:
        size = float(event.amount) if isinstance(event, Deposited) else None
        yield sql("INSERT INTO journal VALUES (?, ?, ?, ?)", meta.key, meta.type, size, meta.key.encode())

    return app


def config_of(root: Path) -> Config:
    return Config(data=DataSettings(dir=root), log=LogSettings(segment_bytes=4096))


async def fill(root: Path) -> None:
    """Make a folder of several segments, with claims, refused commands and a stream that begins anew."""
    async with Runtime(ledger_app(), config_of(root)) as runtime:
        for number in range(ACCOUNTS):
            await runtime.submit(OpenAccount(f"a{number}", f"owner {number}", f"{number}@example.org"))
        await runtime.submit(OpenAccount("a0", "a second owner"))
        await runtime.submit(OpenAccount("late", "owner 0", "0@example.org"))
        await runtime.submit_many([Deposit(f"a{n % ACCOUNTS}", Decimal(n + 1)) for n in range(DEPOSITS)])
        await runtime.submit(CloseAccount("a3"))
        await runtime.submit(Deposit("nobody", Decimal(1)))
        await runtime.submit(Deposit("a1", Decimal(1)), expected_version=1)
        await runtime.settled()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound") / "data"
    anyio.run(fill, root)
    return root


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> DataFolder:
    """Return a copy of the sound folder, for a test to damage."""
    return DataFolder(shutil.copytree(sound, tmp_path / "data"))


async def verified(folder: DataFolder, app: App | None = None, head: Head | None = None) -> VerificationReport:
    return await verify(folder, (app or ledger_app()).domain(), expected_head=head)


async def places_and_faults(folder: DataFolder) -> list[str]:
    return [f"{fault.where}: {fault.what}" for fault in (await verified(folder)).faults]


def generation(folder: DataFolder) -> Path:
    return folder.read / (folder.read / "current").read_text().strip()


def edit(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()


def ask(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def flip(file: Path, position: int, bits: int = 0xFF) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= bits
    file.write_bytes(data)


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


async def test_a_cancelled_verification_stops(folder: DataFolder) -> None:
    with anyio.CancelScope() as scope:
        await verify(folder, ledger_app().domain(), progress=lambda *_: scope.cancel())
    assert scope.cancelled_caught


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


def rewrite_history(file: Path) -> None:
    """Edit the time of the last event, and seal the events anew."""
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


async def test_a_flipped_byte_in_a_full_segment_of_the_log_is_named_with_file_and_byte(folder: DataFolder) -> None:
    segment = min(folder.log.glob("*.log"))
    flip(segment, segment.stat().st_size // 2)
    faults = await places_and_faults(folder)
    assert any(each.startswith(f"{segment} at byte ") for each in faults)


async def test_a_missing_end_of_the_log_is_named(folder: DataFolder) -> None:
    for path in folder.log.iterdir():
        path.unlink()
    assert any("the log ends at offset 0" in each for each in await places_and_faults(folder))


EDITED_EVENTS = {
    "data": """UPDATE events SET data = '{"amount":"999"}' WHERE position = 20""",
    "type": "UPDATE events SET type = 'account.closed' WHERE position = 20",
    "time": "UPDATE events SET time = time + 1 WHERE position = 20",
    "metadata": "UPDATE events SET metadata = replace(metadata, 'command_id', 'commanded') WHERE position = 20",
    "hash": "UPDATE events SET hash = zeroblob(32) WHERE position = 20",
    "digest": "UPDATE events SET digest = zeroblob(32) WHERE position = 20",
    "version": "UPDATE events SET version = 77 WHERE position = 20",
    "stream": "UPDATE events SET stream = 'account-other' WHERE position = 20",
    "schema_version": "UPDATE events SET schema_version = 2 WHERE position = 20",
    "position": "UPDATE events SET position = 1000 WHERE position = 20",
    "type to an unknown one": "UPDATE events SET type = 'account.robbed' WHERE position = 20",
    "data to no JSON": "UPDATE events SET data = '{' WHERE position = 20",
    "stream of no decider": "UPDATE events SET stream = 'robber-1' WHERE position = 20",
    "an offset past all": """UPDATE events SET metadata = '{"command_id":"x","offset":99999999999999999999}'
                             WHERE position = 20""",
}


@pytest.mark.parametrize("statement", EDITED_EVENTS.values(), ids=EDITED_EVENTS)
async def test_an_edited_event_is_named_with_its_position(folder: DataFolder, statement: str) -> None:
    edit(folder.write_db, statement)
    faults = await places_and_faults(folder)
    position = 1000 if "SET position" in statement else 20
    assert any(each.startswith(f"{folder.write_db}, event {position}: ") for each in faults), faults


async def test_a_deleted_event_is_named_by_the_one_behind_it(folder: DataFolder) -> None:
    edit(folder.write_db, "DELETE FROM events WHERE position = 20")
    faults = await places_and_faults(folder)
    assert any("event 21: it follows position 19" in each for each in faults)
    assert any("outcome of" in each for each in faults)


async def test_a_deleted_last_event_is_named_by_all_that_was_made_of_it(folder: DataFolder) -> None:
    edit(folder.write_db, "DELETE FROM events WHERE position = (SELECT max(position) FROM events)")
    faults = await places_and_faults(folder)
    for what in ("outcome of", "state of account-a3", "twofold_cursor"):
        assert any(what in each for each in faults), what


async def test_an_erased_event_leaves_a_folder_that_verifies(folder: DataFolder) -> None:
    last = "(SELECT max(position) FROM events WHERE type = 'account.deposited')"
    edit(folder.write_db, f"UPDATE events SET data = NULL WHERE position = {last}")
    report = await verified(folder)
    assert {fault.where.split(", ")[0] for fault in report.faults} <= {str(generation(folder))}


DAMAGED_WRITE_DB = {
    "an edited state": (
        "UPDATE states SET data = replace(data, 'owner', 'robber') WHERE stream = 'account-a1'",
        "a1",
    ),
    "a state that does not decode": ("UPDATE states SET data = '[]' WHERE stream = 'account-a1'", "a1"),
    "a state behind": ("UPDATE states SET version = 1 WHERE stream = 'account-a1'", "state is at version 1"),
    "a state ahead": ("UPDATE states SET version = 99 WHERE stream = 'account-a1'", "state is at version 99"),
    "a missing state": ("DELETE FROM states WHERE stream = 'account-a1'", "has events and no state"),
    "a state of nothing": (
        "INSERT INTO states SELECT 'account-x', version, fingerprint, data FROM states LIMIT 1",
        "the stream has no events",
    ),
    "an edited digest": (
        'UPDATE outcomes SET digest = zeroblob(16) WHERE "offset" = 20',
        "at offset 20: the outcome's command id, digest",
    ),
    "an edited command id": (
        "UPDATE outcomes SET command_id = 'x' WHERE \"offset\" = 20",
        "outcome of x at offset 20",
    ),
    "an edited position": (
        'UPDATE outcomes SET position = position + 1 WHERE "offset" = 20',
        "at offset 20: the outcome's events do not stand",
    ),
    "an edited number of events": ('UPDATE outcomes SET events = 2 WHERE "offset" = 20', "at offset 20: "),
    "an edited version": ('UPDATE outcomes SET version = 9 WHERE "offset" = 20', "at offset 20: "),
    "an edited version of a refusal": (
        'UPDATE outcomes SET version = 9 WHERE "offset" = 13',
        "at offset 13: the outcome names no events, and a version",
    ),
    "an edited status": ("UPDATE outcomes SET status = 'failed' WHERE \"offset\" = 20", "at offset 20: "),
    "a refusal made good": ("UPDATE outcomes SET status = 'handled' WHERE \"offset\" = 13", "at offset 13: "),
    "faults that do not decode": ("UPDATE outcomes SET faults = '{' WHERE \"offset\" = 13", "do not decode"),
    "an edited offset": ('UPDATE outcomes SET "offset" = 5000 WHERE "offset" = 20', "at offset 5000: "),
    "a doubled offset": ('UPDATE outcomes SET "offset" = 21 WHERE "offset" = 20', "at offset 21: "),
    "a missing outcome": ('DELETE FROM outcomes WHERE "offset" = 13', "at offset 13: the command was handled, but"),
    "a missing outcome of events": ('DELETE FROM outcomes WHERE "offset" = 20', "at offset 20: there are events"),
    "an added outcome": (
        """INSERT INTO outcomes SELECT 'more', "offset", digest, status, stream, version, events, position, time, faults
           FROM outcomes WHERE "offset" = 20""",
        "at offset 20: the offset has more than one outcome",
    ),
    "a claim of nobody": ("INSERT INTO claims VALUES ('email', 'x@example.org', 'account-x')", "claim email"),
    "a claim that is no text": (
        "UPDATE claims SET value = CAST(x'ff' AS TEXT) WHERE stream = 'account-a1'",
        "claim 'email': it is malformed",
    ),
    "a state under another spelling": (
        "UPDATE states SET data = replace(data, 'email', 'umail') WHERE stream = 'account-a1'",
        "state of account-a1",
    ),
    "a cursor past the log": ("UPDATE cursors SET value = 5000", "has handled offset 5000"),
    "a cursor that went back": ("UPDATE cursors SET value = 10", "none that was handled"),
    "another schema version": ("PRAGMA user_version = 9", "schema version 9"),
    "an index that is gone": ("DROP TABLE claims", "table claims is not as it was made"),
}


@pytest.mark.parametrize(("statement", "named"), DAMAGED_WRITE_DB.values(), ids=DAMAGED_WRITE_DB)
async def test_damage_to_the_write_database_is_named(folder: DataFolder, statement: str, named: str) -> None:
    with closing(sqlite3.connect(folder.write_db)) as connection:
        connection.execute(statement)
        connection.commit()
    faults = await places_and_faults(folder)
    assert any(str(folder.root) in each and named in each for each in faults), faults


DAMAGED_READ_DB = {
    "an edited row": ("UPDATE balance SET amount = '999' WHERE account = 'a1'", "row account = 'a1': amount is '999'"),
    "an added row": ("INSERT INTO balance VALUES ('x', '1', 1)", "row account = 'x': no event put the row there"),
    "a missing row": ("DELETE FROM balance WHERE account = 'a1'", "row account = 'a1': the row is missing"),
    "a missing last row": ("DELETE FROM balance WHERE account = 'a9'", "row account = 'a9': the row is missing"),
    "an added row without a key": ("INSERT INTO journal VALUES ('a1', NULL, NULL, NULL)", "no event put the row there"),
    "a doubled row without a key": (
        "INSERT INTO journal SELECT * FROM journal ORDER BY rowid LIMIT 1",
        "no event put the row there",
    ),
    "an edited row without a key": ("UPDATE journal SET size = 3.5 WHERE rowid = 20", "the row is missing"),
    "a cursor above the head": ("UPDATE twofold_cursor SET position = 5000", "it is at position 5000"),
    "a cursor that went back": ("UPDATE twofold_cursor SET position = 5", "no event put the row there"),
    "no cursor": ("DELETE FROM twofold_cursor", "cursor is malformed"),
    "an index that is gone": ("DROP INDEX by_account", "index by_account is not as it was made"),
    "a table that is gone": ("DROP TABLE balance", "table balance is not as it was made"),
    "a column by another name": ("ALTER TABLE balance RENAME COLUMN amount TO sum", "table balance"),
    "a foreign table": ("CREATE TABLE foreign_one (x)", "table foreign_one is not as it was made"),
}


@pytest.mark.parametrize(("statement", "named"), DAMAGED_READ_DB.values(), ids=DAMAGED_READ_DB)
async def test_damage_to_the_read_database_is_named(folder: DataFolder, statement: str, named: str) -> None:
    with closing(sqlite3.connect(generation(folder))) as connection:
        connection.execute(statement)
        connection.commit()
    faults = await places_and_faults(folder)
    assert all(each.startswith(str(generation(folder))) for each in faults)
    assert any(named in each for each in faults), faults


async def test_a_damaged_pointer_to_the_read_database_is_named(folder: DataFolder) -> None:
    (folder.read / "current").write_text("generation-\n")
    assert any("pointer `current`" in each for each in await places_and_faults(folder))


async def test_a_missing_write_database_is_named_and_the_log_is_still_verified(folder: DataFolder) -> None:
    folder.write_db.unlink()
    report = await verified(folder)
    assert report.head is None
    assert report.checked.commands == ACCOUNTS + DEPOSITS + 5
    assert [fault.where for fault in report.faults] == [str(folder.write_db)]


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


async def test_commands_that_wait_are_counted_and_no_fault(folder: DataFolder) -> None:
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        sound = shutil.copytree(folder.log, folder.root / "log-before")
        write = folder.write_db.read_bytes()
        await runtime.submit_many([Deposit("a1", Decimal(1))] * 5, wait="projected")
    assert sound.exists()
    folder.write_db.write_bytes(write)
    report = await verified(folder)
    assert report.checked.unhandled == 5
    assert {fault.where.split(",")[0] for fault in report.faults} == {str(generation(folder))}


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


def content(file: Path) -> object:
    """Return what a reader of the database in `file` can see, but for what no event tells of: claims and refusals."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
        names = [name.decode() for kind, name, *_ in schema if kind == b"table"]
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")]
        columns = {"outcomes": 'command_id, "offset", digest, status, stream, version, events, position, time'}
        tables = [(name, columns.get(name, "*")) for name in names if name != "claims"]
        return (
            schema,
            pragmas,
            [connection.execute(f'SELECT {what} FROM "{name}" ORDER BY 1').fetchall() for name, what in tables],
        )


def places(file: Path, count: int, seed: int) -> list[int]:
    """Return all bytes of the file's header, and `count` others at random."""
    return [*range(100), *random.Random(seed).sample(range(100, file.stat().st_size), count)]


@pytest.mark.parametrize("name", ["write.db", "generation"])
async def test_a_flipped_byte_anywhere_in_a_database_is_named_or_changes_nothing(folder: DataFolder, name: str) -> None:
    file = folder.write_db if name == "write.db" else generation(folder)
    sound, before = file.read_bytes(), content(file)
    for place in places(file, 100, seed=1):
        flip(file, place, bits=1 << place % 8)
        report = await verified(folder)
        assert not report.is_sound or report.notes or content(file) == before, f"byte {place}"
        for part in ("-wal", "-shm"):
            file.with_name(file.name + part).unlink(missing_ok=True)
        file.write_bytes(sound)


async def test_what_a_kill_left_behind_is_sound(folder: DataFolder, tmp_path: Path) -> None:
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        await runtime.submit_many([Deposit("a1", Decimal(1))] * 5, wait="projected")
        killed = DataFolder(shutil.copytree(folder.root, tmp_path / "killed"))
    assert killed.write_db.with_name("write.db-wal").stat().st_size > 0
    report = await verified(killed)
    assert (report.faults, report.checked.events) == ((), ACCOUNTS + DEPOSITS + 1 + 5)


async def test_a_batch_that_a_crash_cut_short_is_a_note(folder: DataFolder, tmp_path: Path) -> None:
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime:
        await runtime.submit(Deposit("a1", Decimal(1)), wait="projected")
        killed = DataFolder(shutil.copytree(folder.root, tmp_path / "killed"))
    with max(killed.log.glob("*.log")).open("ab") as newest:
        newest.write(b"2fB torn")
    report = await verified(killed)
    assert report.is_sound
    assert any("8 bytes behind the last whole batch" in note for note in report.notes)


async def write_without_end(runtime: Runtime, client: int) -> None:
    """Open accounts, pay into them and be refused, batch by batch; streams come up again while they are verified."""
    number = 0
    while True:
        number += 1
        keys = [f"c{client}-{number % 7}-{n}" for n in range(20)]
        commands = [OpenAccount(key, "x", f"{key}@x") for key in keys] if number < 8 else []
        await runtime.submit_many([*commands, *(Deposit(key, Decimal(number)) for key in keys)], wait="handled")


async def test_a_live_writer_makes_no_false_fault(folder: DataFolder) -> None:
    events = [0]
    async with Runtime(ledger_app(), config_of(folder.root)) as runtime, anyio.create_task_group() as tasks:
        for client in range(3):
            tasks.start_soon(write_without_end, runtime, client)
        while events[-1] < 3_000:
            report = await verified(folder)
            assert report.faults == ()
            events.append(report.checked.events)
        tasks.cancel_scope.cancel()
    assert len(set(events)) > 5
