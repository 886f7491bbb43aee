"""The effect ledger on SQLite: what the contract cannot ask of a fake."""

import os
import sqlite3
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import pytest
from msgspec.structs import astuple
from twofold.stores.effect_records import Conclusion, ConsumerRecord, EffectRecord, effect_id
from twofold.stores.errors import Corruption, DiskFull, NoSuchStore, ReadOnly, SchemaTooNew, SchemaTooOld, WrongCursor
from twofold.stores.sqlite.effect_ledger import SqliteEffectLedger
from twofold.stores.sqlite.migrations import EFFECTS_DB

from tests.doubles.effects_file import HASH, NOW, effects_after, enter, open_with_mail, states

pytestmark = pytest.mark.anyio

T = TypeVar("T")

START = (0, -1)


async def test_consumers_and_effects_survive_closing_and_opening(file: Path) -> None:
    ledger = await open_with_mail(file)
    ids = await enter(ledger, 3)
    await ledger.begin(ids[:2], NOW)
    await ledger.conclude([Conclusion(ids[0], "retry", error="451")], NOW)
    await ledger.pause("mail", "535")
    kept = list(await ledger.search())
    await ledger.close()
    ledger = await SqliteEffectLedger.open(file)
    assert await ledger.consumers() == {"mail": ConsumerRecord("mail", 3, "535")}
    assert list(await ledger.search()) == kept
    assert [each.state for each in kept] == ["retry", "sending", "pending"]
    await enter(ledger, 1)
    await ledger.close()


async def test_a_ledger_is_new_until_a_consumer_was_opened_in_it(file: Path) -> None:
    for _ in range(2):
        ledger = await SqliteEffectLedger.open(file)
        assert ledger.is_new
        await ledger.close()
    await (await open_with_mail(file)).close()
    ledger = await SqliteEffectLedger.open(file)
    assert not ledger.is_new
    await ledger.close()
    file.unlink()
    ledger = await SqliteEffectLedger.open(file)
    assert ledger.is_new
    await ledger.close()


async def test_a_tool_reads_beside_the_running_ledger_and_cannot_change_it(file: Path) -> None:
    with pytest.raises(NoSuchStore):
        await SqliteEffectLedger.open_read_only(file)
    ledger = await open_with_mail(file)
    tool = await SqliteEffectLedger.open_read_only(file)
    ids = await enter(ledger, 2)
    assert await states(tool) == ["pending", "pending"]
    assert (await tool.counts())["mail"]["pending"] == 2
    with pytest.raises(ReadOnly):
        await tool.begin(ids, NOW)
    with pytest.raises(ReadOnly):
        await tool.open_consumer("cdn", 0)
    await tool.close()
    await ledger.begin(ids, NOW)
    await ledger.close()


async def test_of_two_writers_the_one_that_comes_late_is_told_where_the_cursor_is(file: Path) -> None:
    ledger = await open_with_mail(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE consumers SET cursor = 7")
    with pytest.raises(WrongCursor) as late:
        await ledger.record("mail", effects_after(0, 1), expected=0, position=1)
    assert (late.value.expected, late.value.actual) == (0, 7)
    assert await ledger.search() == []
    await ledger.close()


async def test_a_full_disk_keeps_nothing_of_a_record_and_the_same_one_goes_through_later(file: Path) -> None:
    ledger = await open_with_mail(file)
    ids = await enter(ledger, 1)
    pages = await ledger._database.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await ledger._database.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    for _ in range(2):
        with pytest.raises(DiskFull):
            await enter(ledger, 100, payload=f'"{"x" * 3000}"')
        assert (await ledger.consumers())["mail"].cursor == 1
        assert len(await ledger.search()) == 1
    await ledger.begin(ids, NOW)
    with pytest.raises(DiskFull):
        await ledger.conclude([Conclusion(ids[0], "retry", error="x" * 100_000)], NOW)
    assert await states(ledger) == ["sending"]
    await ledger._database.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    await ledger.conclude([Conclusion(ids[0], "retry", error="x" * 100_000)], NOW)
    await enter(ledger, 100, payload=f'"{"x" * 3000}"')
    assert len(await states(ledger)) == 101
    await ledger.close()


async def test_a_ledger_of_the_first_version_is_brought_on_and_keeps_what_it_holds(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.executescript(EFFECTS_DB.migration(1).read_text())
        old.execute(f"PRAGMA application_id = {EFFECTS_DB.application_id}")
        old.execute("PRAGMA user_version = 1")
        old.execute("INSERT INTO consumers VALUES ('mail', 1, NULL)")
        kept = EffectRecord(effect_id("mail", 1, HASH, 0), "mail", 1, 0, "order-1", "{}", "retry", 7, "451", None, NOW)
        old.execute("INSERT INTO effects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(kept)[:11])
    with pytest.raises(SchemaTooOld, match="Start Twofold on the folder once"):
        await SqliteEffectLedger.open_read_only(file)
    ledger = await SqliteEffectLedger.open(file)
    assert list(await ledger.search()) == [kept]
    assert (kept.attempts, kept.failures, kept.due) == (7, 0, None)
    assert await ledger.next_attempts() == {}
    await enter(ledger, 1)
    await ledger.close()


async def test_a_ledger_of_a_newer_version_is_refused(file: Path) -> None:
    await (await open_with_mail(file)).close()
    newer = EFFECTS_DB.version() + 1
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(f"PRAGMA user_version = {newer}")
    for opening in (SqliteEffectLedger.open, SqliteEffectLedger.open_read_only):
        with pytest.raises(SchemaTooNew) as refused:
            await opening(file)
        assert (refused.value.found, refused.value.known) == (newer, newer - 1)


async def test_a_file_that_is_no_database_is_refused_with_the_way_out(file: Path) -> None:
    file.write_bytes(os.urandom(8192))
    with pytest.raises(Corruption, match=r"Restore a backup.*Do not delete it"):
        await SqliteEffectLedger.open(file)


async def test_a_damaged_page_stops_the_ledger_where_it_is_read(file: Path) -> None:
    ledger = await open_with_mail(file)
    await enter(ledger, 200, payload=f'"{"x" * 3000}"')
    await ledger.close()
    content = bytearray(file.read_bytes())
    for page in range(12, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    ledger = await SqliteEffectLedger.open(file)
    with pytest.raises(Corruption):
        await ledger.search(limit=1000)
    with pytest.raises(Corruption):
        await ledger.record("mail", effects_after(200, 1), expected=200, position=201)
    await ledger.close()


async def test_a_damaged_schema_is_refused_when_the_ledger_is_opened(file: Path) -> None:
    await (await open_with_mail(file)).close()
    content = bytearray(file.read_bytes())
    content[100:140] = b"\xff" * 40
    file.write_bytes(content)
    with pytest.raises(Corruption, match="Restore a backup"):
        await SqliteEffectLedger.open(file)


async def test_the_file_itself_refuses_an_effect_twice_and_a_state_that_there_is_not(file: Path) -> None:
    ledger = await open_with_mail(file)
    await enter(ledger, 1)
    await ledger.close()
    columns = (
        "consumer, position, ordinal, stream, payload, state, attempts, error, result, changed, 0, NULL FROM effects"
    )
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        with pytest.raises(sqlite3.IntegrityError, match=r"effects\.consumer, effects\.position, effects\.ordinal"):
            other.execute(f"INSERT INTO effects SELECT 'another', {columns}")
        with pytest.raises(sqlite3.IntegrityError, match=r"effects\.effect_id"):
            other.execute(f"INSERT INTO effects SELECT effect_id, {columns.replace('position', '2', 1)}")
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            other.execute("UPDATE effects SET state = 'sent'")


async def test_a_hundred_thousand_effects_are_recorded_and_concluded_in_flat_time(file: Path) -> None:
    """A ledger that holds as many is held against a new one, turn by turn, so that a busy machine slows both alike."""
    full = await open_with_mail(file)
    new = await open_with_mail(file.with_name("new.db"))
    for _ in range(100):
        await work_through_a_thousand(full)
    assert (await full.counts())["mail"]["done"] == 100_000
    slower: dict[str, list[float]] = {}
    for _ in range(11):
        for_new, for_full = await work_through_a_thousand(new), await work_through_a_thousand(full)
        for step, seconds in for_full.items():
            slower.setdefault(step, []).append(seconds / for_new[step])
    assert max(median(ratios) for ratios in slower.values()) < 8, slower
    assert await full.forget(NOW + 1) == 111_000
    await full.close()
    await new.close()


async def work_through_a_thousand(ledger: SqliteEffectLedger) -> dict[str, float]:
    """Record a thousand effects, begin and conclude them, and return how many seconds each step took."""
    took = dict.fromkeys(("record", "unfinished", "begin", "conclude"), 0.0)

    async def timed(step: str, call: Awaitable[T]) -> T:
        began = perf_counter()
        result = await call
        took[step] += perf_counter() - began
        return result

    await timed("record", enter(ledger, 1000, payload=f'"{"x" * 300}"'))
    for _ in range(2):
        due = await timed("unfinished", ledger.unfinished("mail", START, 500))
        ids = [each.effect_id for each in due]
        await timed("begin", ledger.begin(ids, NOW))
        await timed("conclude", ledger.conclude([Conclusion(each, "done", result='"250"') for each in ids], NOW))
    return took
