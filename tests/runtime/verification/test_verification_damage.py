"""`verify`: every damage is named with its place, and none is a traceback."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from twofold.runtime.stores import DataFolder

from tests.doubles.ledger import (
    ACCOUNTS,
    DEPOSITS,
    ask,
    edit,
    flip,
    generation,
    places_and_faults,
    verified,
)

pytestmark = pytest.mark.anyio


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
    "faults that do not decode": (
        "UPDATE outcomes SET faults = '{' WHERE \"offset\" = 13",
        "outcome at offset 13: its faults do not decode",
    ),
    "an edited offset": ('UPDATE outcomes SET "offset" = 5000 WHERE "offset" = 20', "at offset 5000: "),
    "a missing outcome": ('DELETE FROM outcomes WHERE "offset" = 13', "at offset 13: the command was handled, but"),
    "a missing outcome of events": ('DELETE FROM outcomes WHERE "offset" = 20', "at offset 20: there are events"),
    "an added outcome": (
        """INSERT INTO outcomes SELECT 'more', 5000, digest, status, stream, version, events, position, time, faults
           FROM outcomes WHERE "offset" = 20""",
        "outcome of more at offset 5000: there is an outcome, and the command's offset is none",
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
    "an older schema version": ("PRAGMA user_version = 0", "its schema version is 0, not"),
    "a table that is gone": ("DROP TABLE claims", "table claims is not as it was made"),
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


async def test_an_index_that_does_not_fit_its_table_is_named(folder: DataFolder) -> None:
    query = (
        "SELECT rootpage * page_size - 1 FROM sqlite_schema, pragma_page_size WHERE name = 'sqlite_autoindex_events_1'"
    )
    ((last_byte,),) = ask(folder.write_db, query)
    flip(folder.write_db, last_byte, bits=1)
    assert any("missing from index sqlite_autoindex_events_1" in each for each in await places_and_faults(folder))


async def test_a_damaged_pointer_to_the_read_database_is_named(folder: DataFolder) -> None:
    (folder.read / "current").write_text("generation-\n")
    assert any("pointer `current`" in each for each in await places_and_faults(folder))


async def test_a_missing_write_database_is_named_and_the_log_is_still_verified(folder: DataFolder) -> None:
    folder.write_db.unlink()
    report = await verified(folder)
    assert report.head is None
    assert report.checked.commands == ACCOUNTS + DEPOSITS + 5
    assert [fault.where for fault in report.faults] == [str(folder.write_db)]


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
