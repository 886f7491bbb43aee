"""The consumers that the write database knows: they last, and a tool sees them."""

from pathlib import Path

import pytest
from twofold.stores.errors import ReadOnly
from twofold.stores.sqlite.event_store import SqliteEventStore

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
