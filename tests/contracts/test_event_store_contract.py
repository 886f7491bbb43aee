"""What every event store does, asked of the one on SQLite and of the fake."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace
from twofold.stores.chain import seal, verify
from twofold.stores.errors import (
    ClaimTaken,
    CommitRefused,
    DuplicateCommand,
    StoreClosed,
    StoreError,
    WrongCursor,
    WrongHead,
)
from twofold.stores.memory import MemoryEventStore
from twofold.stores.protocols import EventStore
from twofold.stores.records import (
    GENESIS,
    ClaimChange,
    Commit,
    EventRecord,
    Fault,
    Head,
    Outcome,
    StateRecord,
    split_stream,
)
from twofold.stores.sqlite.event_store import SqliteEventStore

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000_000_000


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    opened: EventStore = (
        await SqliteEventStore.open(tmp_path / "write.db") if request.param == "sqlite" else MemoryEventStore()
    )
    yield opened
    await opened.close()


def events_of(head: Head, *streams: tuple[str, int]) -> list[EventRecord]:
    events = []
    for stream, version in streams:
        event = seal(head, stream, version, f"{split_stream(stream)[0]}.placed", 1, f'{{"n":{version}}}', "{}", NOW)
        events.append(event)
        head = Head(event.position, event.hash)
    return events


def outcome(command_id: str, offset: int, stream: str = "order-1", faults: tuple[Fault, ...] = ()) -> Outcome:
    return Outcome(command_id, offset, bytes(32), "rejected" if faults else "handled", stream, 1, 1, 1, NOW, faults)


def batch(
    before: int,
    after: int,
    events: Sequence[EventRecord] = (),
    states: Sequence[StateRecord] = (),
    outcomes: Sequence[Outcome] = (),
    claims: Sequence[ClaimChange] = (),
    partition: int = 0,
) -> Commit:
    return Commit(events, states, outcomes, claims, before, after, partition)


async def assert_only(store: EventStore, first: Commit) -> None:
    """Nothing but `first` was kept."""
    assert await store.cursor() == first.cursor_after
    assert list(await store.read(0, 100)) == list(first.events)
    assert list((await store.outcomes(["c1", "c2", "c3"])).values()) == list(first.outcomes)
    assert await store.states(["order-2"]) == {}


FIRST = batch(0, 1, events_of(GENESIS, ("order-1", 1)), outcomes=[outcome("c1", 1)])
AFTER_FIRST = Head(1, FIRST.events[0].hash)


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


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_cursor_that_moved_refuses_the_commit(store: EventStore, expected: int) -> None:
    await store.commit(FIRST)
    with pytest.raises(WrongCursor) as refused:
        await store.commit(batch(expected, 9, events_of(AFTER_FIRST, ("order-2", 1)), outcomes=[outcome("c2", 2)]))
    assert (refused.value.expected, refused.value.actual) == (expected, 1)
    await assert_only(store, FIRST)


@pytest.mark.parametrize("head", [GENESIS, Head(2, bytes(32))])
async def test_events_that_do_not_follow_the_head_are_refused(store: EventStore, head: Head) -> None:
    await store.commit(FIRST)
    with pytest.raises(WrongHead) as refused:
        await store.commit(batch(1, 2, events_of(head, ("order-2", 1)), outcomes=[outcome("c2", 2)]))
    assert (refused.value.expected, refused.value.actual) == (head.position, 1)
    await assert_only(store, FIRST)


async def test_a_gap_between_the_positions_of_a_commit_is_refused(store: EventStore) -> None:
    await store.commit(FIRST)
    one, _, three = events_of(AFTER_FIRST, ("order-2", 1), ("order-3", 1), ("order-4", 1))
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 2, [one, three]))
    await assert_only(store, FIRST)


async def test_a_version_of_a_stream_is_written_once(store: EventStore) -> None:
    await store.commit(FIRST)
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 2, events_of(AFTER_FIRST, ("order-2", 1), ("order-1", 1))))
    await assert_only(store, FIRST)


async def test_a_second_outcome_of_a_command_is_refused_by_its_id(store: EventStore) -> None:
    await store.commit(FIRST)
    events = events_of(AFTER_FIRST, ("order-2", 1))
    with pytest.raises(DuplicateCommand) as refused:
        await store.commit(batch(1, 3, events, outcomes=[outcome("c2", 2), outcome("c1", 3)]))
    assert refused.value.command_id == "c1"
    await assert_only(store, FIRST)


async def test_a_command_twice_in_one_commit_is_refused_by_its_id(store: EventStore) -> None:
    await store.commit(FIRST)
    with pytest.raises(DuplicateCommand) as refused:
        await store.commit(batch(1, 4, outcomes=[outcome("c2", 2), outcome("c3", 3), outcome("c3", 4)]))
    assert refused.value.command_id == "c3"
    await assert_only(store, FIRST)


async def test_a_value_that_another_stream_holds_is_refused_with_its_holder(store: EventStore) -> None:
    first = batch(0, 1, FIRST.events, (), FIRST.outcomes, [ClaimChange("email", "a@b.c", "order-1", True)])
    await store.commit(first)
    with pytest.raises(ClaimTaken) as refused:
        await store.commit(
            batch(
                1,
                2,
                events_of(AFTER_FIRST, ("order-2", 1)),
                claims=[ClaimChange("email", "a@b.c", "order-2", True)],
                states=[StateRecord("order-2", 1, "f", "{}")],
            )
        )
    assert (refused.value.name, refused.value.value, refused.value.holder) == ("email", "a@b.c", "order-1")
    await assert_only(store, first)


async def test_taking_what_the_stream_holds_is_no_change(store: EventStore) -> None:
    claim = ClaimChange("email", "a@b.c", "order-1", True)
    await store.commit(batch(0, 1, claims=[claim]))
    await store.commit(batch(1, 2, claims=[claim, claim]))
    assert await store.claim_holder("email", "a@b.c") == "order-1"


async def test_a_released_value_can_be_taken_in_the_same_commit(store: EventStore) -> None:
    await store.commit(batch(0, 1, claims=[ClaimChange("email", "a@b.c", "order-1", True)]))
    release, take = (ClaimChange("email", "a@b.c", "order-1", False), ClaimChange("email", "a@b.c", "order-2", True))
    await store.commit(batch(1, 2, claims=[release, take]))
    assert await store.claim_holder("email", "a@b.c") == "order-2"


async def test_claims_of_different_names_do_not_meet(store: EventStore) -> None:
    await store.commit(
        batch(0, 1, claims=[ClaimChange("email", "x", "order-1", True), ClaimChange("phone", "x", "order-2", True)])
    )
    assert (await store.claim_holder("email", "x"), await store.claim_holder("phone", "x")) == ("order-1", "order-2")


@pytest.mark.parametrize("holder", [None, "order-2"])
async def test_releasing_what_the_stream_does_not_hold_is_refused(store: EventStore, holder: str | None) -> None:
    await store.commit(batch(0, 1, claims=[ClaimChange("email", "x", holder, True)] if holder else []))
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 2, claims=[ClaimChange("email", "x", "order-1", False)]))
    assert await store.claim_holder("email", "x") == holder
    assert await store.cursor() == 1


async def test_text_that_cannot_be_stored_is_refused_and_the_next_commit_goes_through(store: EventStore) -> None:
    await store.commit(FIRST)
    good = events_of(AFTER_FIRST, ("order-2", 1))[0]
    bad = replace(good, data="\ud800")
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 2, [bad]))
    await assert_only(store, FIRST)
    await store.commit(batch(1, 2, [good]))
    assert (await store.head()).position == 2


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
