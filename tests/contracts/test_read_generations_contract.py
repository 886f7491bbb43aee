"""How every read store lets another generation serve, asked of the one on files and of the one in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from twofold.stores.errors import GenerationBehind, NoPreviousGeneration, StatementFailed, WrongCursor
from twofold.stores.memory import MemoryReadStore
from twofold.stores.protocols import ReadDb, ReadGeneration, ReadStore
from twofold.stores.records import ProjectionSchema, Statement
from twofold.stores.sqlite.read_store import SqliteReadStore

from tests.doubles.waiting import turns

pytestmark = pytest.mark.anyio

ORDERS = ProjectionSchema("orders", 1, "CREATE TABLE orders (id TEXT PRIMARY KEY)")


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReadStore]:
    opened: ReadStore = (
        await SqliteReadStore.open(tmp_path / "read", [ORDERS])
        if request.param == "sqlite"
        else await MemoryReadStore.in_memory([ORDERS], query_timeout=5.0)
    )
    yield opened
    await opened.close()


async def add(generation: ReadGeneration, *orders: str) -> None:
    """Apply an event for each of `orders`."""
    position = await generation.position()
    statements = [Statement("INSERT INTO orders VALUES (?)", (order,)) for order in orders]
    await generation.apply(statements, expected=position, position=position + len(orders))


async def all_orders(db: ReadDb) -> object:
    return [order for (order,) in await db.rows("SELECT id FROM orders ORDER BY id")]


async def rebuilt(store: ReadStore, *orders: str) -> None:
    """Let a new generation with `orders` serve."""
    async with store.new_generation() as generation:
        await add(generation, *orders)
        await store.serve(generation)


async def test_a_new_generation_is_empty_and_filled_beside_the_one_that_serves(store: ReadStore) -> None:
    await add(store, "a", "b")
    async with store.new_generation() as generation:
        assert await generation.position() == 0
        await add(generation, "new")
        assert await store.query(all_orders) == (["a", "b"], 2)
        await add(store, "c")
        assert await generation.position() == 1
        with pytest.raises(WrongCursor):
            await generation.apply([], expected=3, position=4)


async def test_one_that_serves_is_what_is_queried_and_filled_from_then_on(store: ReadStore) -> None:
    await add(store, "a")
    async with store.new_generation() as generation:
        await add(generation, "b", "c")
        await store.serve(generation)
        assert await store.query(all_orders) == (["b", "c"], 2)
    await add(store, "d")
    assert await store.position() == 3
    assert await store.query(all_orders) == (["b", "c", "d"], 3)


async def test_one_that_is_behind_cannot_serve(store: ReadStore) -> None:
    await add(store, "a", "b")
    async with store.new_generation() as generation:
        await add(generation, "x")
        with pytest.raises(GenerationBehind) as behind:
            await store.serve(generation)
        assert (behind.value.position, behind.value.serving) == (1, 2)
        assert await store.query(all_orders) == (["a", "b"], 2)
        await add(generation, "y")
        await store.serve(generation)
    assert await store.query(all_orders) == (["x", "y"], 2)


async def test_one_that_never_serves_is_gone_without_a_trace(store: ReadStore) -> None:
    await add(store, "a")
    with pytest.raises(StatementFailed):
        async with store.new_generation() as generation:
            await add(generation, "x", "x")
    assert await store.query(all_orders) == (["a"], 1)
    with pytest.raises(NoPreviousGeneration):
        async with store.previous_generation():
            pass
    async with store.new_generation() as generation:
        assert await generation.position() == 0


async def test_there_is_no_way_back_before_the_first_rebuild(store: ReadStore) -> None:
    with pytest.raises(NoPreviousGeneration, match="no earlier generation is kept"):
        async with store.previous_generation():
            pass


async def test_the_one_before_comes_back_at_its_position_and_serves_once_it_has_caught_up(store: ReadStore) -> None:
    await add(store, "a")
    await rebuilt(store, "b")
    await add(store, "c")
    async with store.previous_generation() as previous:
        assert await previous.position() == 1
        with pytest.raises(GenerationBehind):
            await store.serve(previous)
        await add(previous, "d")
        await store.serve(previous)
    assert await store.query(all_orders) == (["a", "d"], 2)
    async with store.previous_generation() as forth:
        assert await forth.position() == 2
        await store.serve(forth)
    assert await store.query(all_orders) == (["b", "c"], 2)


async def test_one_before_that_does_not_serve_is_still_kept(store: ReadStore) -> None:
    await add(store, "a")
    await rebuilt(store, "b")
    async with store.previous_generation() as previous:
        await add(previous, "c")
    async with store.previous_generation() as previous:
        assert await previous.position() == 2
        await store.serve(previous)
    assert await store.query(all_orders) == (["a", "c"], 2)


async def test_it_goes_on_for_any_number_of_generations(store: ReadStore) -> None:
    for number in range(4):
        await rebuilt(store, str(number))
        assert await store.query(all_orders) == ([str(number)], 1)


@pytest.mark.parametrize("readers", [1, 8])
async def test_no_query_fails_or_goes_back_while_generations_change(store: ReadStore, readers: int) -> None:
    """Each generation holds as many orders as its position, so that a query that mixed two of them would show."""
    done = anyio.Event()
    seen: list[int] = []

    async def ask(db: ReadDb) -> object:
        return await db.value("SELECT count(*) FROM orders")

    async def read() -> None:
        last = 0
        while not done.is_set():
            value, position = await store.query(ask)
            assert value == position >= last
            seen.append(last := position)

    async with anyio.create_task_group() as tasks:
        for _ in range(readers):
            tasks.start_soon(read)
        for size in range(1, 15):
            await rebuilt(store, *map(str, range(size)))
        done.set()
    assert len(set(seen)) > 3


async def test_a_query_under_way_ends_on_the_generation_where_it_began(store: ReadStore) -> None:
    await add(store, "a")
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await store.query(counting_for_long))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await turns()
        async with store.new_generation() as generation:
            await add(generation, "b", "c")
            await store.serve(generation)
    assert answers == [("a", 1)]
    assert await store.query(all_orders) == (["b", "c"], 2)


async def counting_for_long(db: ReadDb) -> object:
    await db.value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT max(i) FROM n")
    return await db.value("SELECT id FROM orders")


async def test_that_it_was_filled_is_noted(store: ReadStore) -> None:
    await store.mark_filled()
    assert store.is_filled
    await rebuilt(store, "a")
    assert store.is_filled
