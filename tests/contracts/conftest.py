"""The stores that several contracts are asked of: the one on SQLite and the fake."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from twofold.stores.memory import MemoryEffectLedger, MemoryEventStore, MemoryReadStore
from twofold.stores.protocols import EffectLedger, EventStore, ReadStore
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger
from twofold.stores.sqlite.event_store import SqliteEventStore
from twofold.stores.sqlite.read_store import SqliteReadStore

from tests.doubles.order_table import ORDERS, QUERY_TIMEOUT


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    opened: EventStore = (
        await SqliteEventStore.open(tmp_path / "write.db") if request.param == "sqlite" else MemoryEventStore()
    )
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "memory"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EffectLedger]:
    opened: EffectLedger = (
        await SqliteEffectLedger.open(tmp_path / "effects.db") if request.param == "sqlite" else MemoryEffectLedger()
    )
    await opened.open_consumer("mail", 0)
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "memory"])
async def read_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReadStore]:
    opened: ReadStore = (
        await SqliteReadStore.open(tmp_path / "read", [ORDERS], query_timeout=QUERY_TIMEOUT)
        if request.param == "sqlite"
        else await MemoryReadStore.in_memory([ORDERS], query_timeout=QUERY_TIMEOUT)
    )
    yield opened
    await opened.close()
