"""What every event store does, asked of the one on SQLite and of the fake."""

import anyio
import pytest
from twofold.stores.chain import verify
from twofold.stores.errors import CommitRefused, StoreClosed, StoreError
from twofold.stores.protocols import EventStore
from twofold.stores.records import GENESIS, ClaimChange, Fault, Head, StateRecord

from tests.doubles.commits import FIRST, batch, events_of, outcome

pytestmark = pytest.mark.anyio


async def test_a_new_store_is_empty(store: EventStore) -> None:
    assert await store.head() == GENESIS
    assert await store.cursor() == 0
    assert list(await store.read(0, 10)) == []
    assert await store.states([]) == {}
    assert await store.outcomes(["c1"]) == {}
    assert await store.claim_holder("email", "a@b.c") is None


async def test_all_of_a_commit_is_read_back_as_it_was_written(store: EventStore) -> None:
    events = events_of(GENESIS, ("order-1", 1), ("order-2", 1), ("order-1", 2))
    states = [StateRecord("order-1", 2, "f1", '{"n":2}'), StateRecord("order-2", 1, "f1", "{}")]
    faults = (Fault("line.not_sellable", "lines[0]", "no", {"sku": "x", "n": 1, "f": 0.5, "b": True, "z": None}),)
    outcomes = [outcome("c1", 1), outcome("c2", 2, faults=faults)]
    await store.commit(batch(0, 2, events, states, outcomes, [ClaimChange("email", "a@b.c", "order-1", True)]))
    assert await store.head() == Head(3, events[-1].hash)
    assert await store.cursor() == 2
    assert list(await store.read(0, 10)) == events
    assert await store.states(["order-1", "order-2", "order-3"]) == {each.stream: each for each in states}
    assert await store.outcomes(["c2", "c1", "c9"]) == {each.command_id: each for each in outcomes}
    assert await store.claim_holder("email", "a@b.c") == "order-1"
    assert list(verify(await store.read(0, 10), GENESIS)) == []


async def test_reading_goes_on_from_a_position_up_to_the_limit(store: EventStore) -> None:
    events = events_of(GENESIS, *((f"order-{n}", 1) for n in range(1, 11)))
    await store.commit(batch(0, 1, events))
    assert list(await store.read(3, 4)) == events[3:7]
    assert list(await store.read(10, 4)) == []


async def test_a_stream_is_read_from_a_version_up_to_the_limit(store: EventStore) -> None:
    events = events_of(GENESIS, ("order-1", 1), ("order-2", 1), ("order-1", 2), ("order-1", 3), ("order-10", 1))
    await store.commit(batch(0, 1, events))
    mine = [event for event in events if event.stream == "order-1"]
    assert list(await store.read_stream("order-1")) == mine
    assert list(await store.read_stream("order-1", after=1)) == mine[1:]
    assert list(await store.read_stream("order-1", after=1, limit=1)) == mine[1:2]
    assert list(await store.read_stream("order-9")) == []


async def test_a_state_is_replaced_by_the_next_one(store: EventStore) -> None:
    await store.commit(batch(0, 1, states=[StateRecord("order-1", 1, "f1", "{}")]))
    newer = StateRecord("order-1", 2, "f2", '{"status":"placed"}')
    await store.commit(batch(1, 2, states=[newer]))
    assert await store.states(["order-1"]) == {"order-1": newer}


async def test_a_thousand_commands_fit_in_one_commit(store: EventStore) -> None:
    events = events_of(GENESIS, *((f"order-{n}", 1) for n in range(1, 1001)))
    states = [StateRecord(event.stream, 1, "f", "{}") for event in events]
    outcomes = [outcome(f"c{n}", n, f"order-{n}") for n in range(1, 1001)]
    await store.commit(batch(0, 1000, events, states, outcomes))
    assert list(await store.read(0, 2000)) == events
    assert await store.states([event.stream for event in events]) == {each.stream: each for each in states}
    assert await store.outcomes([each.command_id for each in outcomes]) == {each.command_id: each for each in outcomes}


async def test_each_partition_has_its_own_cursor(store: EventStore) -> None:
    await store.commit(batch(0, 5))
    await store.commit(batch(0, 7, partition=3))
    assert (await store.cursor(), await store.cursor(3), await store.cursor(1)) == (5, 7, 0)


async def test_a_cancelled_commit_is_whole_and_readable_when_the_cancellation_arrives(store: EventStore) -> None:
    events = events_of(GENESIS, *((f"order-{n}", 1) for n in range(1, 501)))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.commit(batch(0, 500, events))
    kept = len(await store.read(0, 1000))
    assert (kept, await store.cursor()) in {(0, 0), (500, 500)}


async def test_no_reader_sees_a_position_before_the_one_ahead_of_it(store: EventStore) -> None:
    batches = 30
    seen: list[int] = []
    done = anyio.Event()

    async def write() -> None:
        head = GENESIS
        for n in range(batches):
            events = events_of(head, *((f"order-{n}-{m}", 1) for m in range(7)))
            await store.commit(batch(n, n + 1, events))
            head = Head(events[-1].position, events[-1].hash)
        done.set()

    async def follow() -> None:
        while not done.is_set() or seen[-1] < batches * 7:
            events = await store.read(seen[-1] if seen else 0, 10)
            seen.extend(event.position for event in events)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        group.start_soon(follow)
    assert seen == list(range(1, batches * 7 + 1))


async def test_a_consumer_is_registered_with_its_start_and_stays_as_it_is(store: EventStore) -> None:
    assert await store.consumers() == {}
    await store.register_consumer("mail", 7)
    await store.register_consumer("cdn", 0)
    await store.register_consumer("mail", 9)
    assert await store.consumers() == {"cdn": 0, "mail": 7}


async def test_a_consumer_whose_name_cannot_be_stored_is_refused(store: EventStore) -> None:
    with pytest.raises(CommitRefused):
        await store.register_consumer("\ud800", 0)
    assert await store.consumers() == {}


async def test_a_closed_store_says_so_and_closes_twice(store: EventStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.head()
    with pytest.raises(StoreError):
        await store.commit(FIRST)
