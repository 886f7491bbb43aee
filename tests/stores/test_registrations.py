"""The consumers that the write database knows: they last, and an older write database comes to know them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import astuple, replace
from twofold.stores.chain import seal
from twofold.stores.errors import ReadOnly
from twofold.stores.records import GENESIS, Commit
from twofold.stores.sqlite.event_store import SqliteEventStore
from twofold.stores.sqlite.migrations import WRITE_DB, migrate

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "write.db"


async def test_a_registered_consumer_survives_closing_and_opening(file: Path) -> None:
    store = await SqliteEventStore.open(file)
    await store.register_consumer("mail", 7)
    await store.close()
    store = await SqliteEventStore.open(file)
    assert await store.consumers() == {"mail": 7}
    await store.close()
    tool = await SqliteEventStore.open_read_only(file)
    assert await tool.consumers() == {"mail": 7}
    with pytest.raises(ReadOnly):
        await tool.register_consumer("cdn", 0)
    await tool.close()


async def test_a_write_database_from_before_the_effects_keeps_its_history_and_takes_consumers(
    file: Path, tmp_path: Path
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "write_db_1.sql").write_text(WRITE_DB.migration(1).read_text())
    event = seal(GENESIS, "order-1", 1, "order.placed", 1, "{}", "{}", 1)
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        migrate(old, replace(WRITE_DB, folder=before), file)
        old.execute(f"INSERT INTO events VALUES ({', '.join('?' * 10)})", astuple(event))
    store = await SqliteEventStore.open(file)
    assert await store.consumers() == {}
    await store.register_consumer("mail", 1)
    assert await store.consumers() == {"mail": 1}
    assert list(await store.read(0, 10)) == [event]
    await store.commit(Commit([], [], [], [], 0, 1))
    await store.close()
