"""Write databases of older versions: opening brings them on, and all that was committed stays."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from twofold.stores.errors import Corruption, DuplicateCommand
from twofold.stores.records import Commit, Fault, Outcome
from twofold.stores.sqlite.audit import foreign_objects, open_to_audit
from twofold.stores.sqlite.commits import write_commit
from twofold.stores.sqlite.event_store import SqliteEventStore
from twofold.stores.sqlite.migrations import WRITE_DB, Schema, migrate

from tests.doubles.commits import AFTER_FIRST, FIRST, batch, events_of, outcome

pytestmark = pytest.mark.anyio

REJECTED = outcome("a rejected one", 2, faults=(Fault("late", "day", facts={"days": 2}),))
COMMITS = (FIRST, batch(1, 3, outcomes=[REJECTED, outcome("0 comes before all", 3)]))


def older(version: int, folder: Path) -> Schema:
    """Return the schema of the write database as it was in `version`."""
    folder.mkdir()
    for number in range(1, version + 1):
        (folder / WRITE_DB.migration(number).name).write_text(WRITE_DB.migration(number).read_text())
    return Schema(WRITE_DB.name, WRITE_DB.application_id, WRITE_DB.what, WRITE_DB.way_out, folder=folder)


@pytest.fixture(params=range(1, WRITE_DB.version()))
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A write database of an older version, with all of `COMMITS`."""
    file = tmp_path / "write.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        migrate(old, older(request.param, tmp_path / "older"), file)
        for commit in COMMITS:
            write_commit(old, file, commit)
    return file


async def test_an_older_one_keeps_its_events_and_outcomes_and_goes_on(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    assert list(await store.read(0, 10)) == list(FIRST.events)
    expected: dict[str, Outcome] = {each.command_id: each for commit in COMMITS for each in commit.outcomes}
    assert await store.outcomes([*expected, "unheard of"]) == expected
    await store.commit(batch(3, 4, events_of(AFTER_FIRST, ("order-2", 1)), outcomes=[outcome("d", 4, "order-2")]))
    assert (await store.head()).position == 2
    await store.close()


async def test_an_older_one_refuses_an_id_that_it_knows(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    with pytest.raises(DuplicateCommand, match="a rejected one"):
        await store.commit(Commit([], [], [outcome("a rejected one", 4)], [], 3, 4))
    assert await store.cursor() == 3
    await store.close()


async def test_an_older_one_comes_to_know_consumers(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    assert await store.consumers() == {}
    await store.register_consumer("mail", 1)
    assert await store.consumers() == {"mail": 1}
    await store.close()


async def test_an_older_one_becomes_the_same_as_a_new_one_and_says_that_it_does(file: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        await (await SqliteEventStore.open(file)).close()
    assert {each["file"] for each in logs} == {str(file)}
    assert logs[-1]["becomes"] == WRITE_DB.version()
    with open_to_audit(file, WRITE_DB) as connection:
        assert foreign_objects(connection, WRITE_DB) == []
    with structlog.testing.capture_logs() as logs:
        await (await SqliteEventStore.open(file)).close()
    assert logs == []


async def test_an_older_one_whose_rows_were_tampered_with_is_damaged_and_says_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "write.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        migrate(old, older(2, tmp_path / "older"), file)
        write_commit(old, file, FIRST)
        old.execute(
            "INSERT INTO outcomes SELECT 'more', \"offset\", digest, status, stream, 1, 1, 1, 1, NULL FROM outcomes"
        )
    with pytest.raises(Corruption, match=r"outcomes_by_offset\.offset.*Restore a backup"):
        await SqliteEventStore.open(file)
