"""What every event store refuses to commit, with the reason, and that nothing of it is kept."""

import pytest
from msgspec.structs import replace
from twofold.stores.errors import CommitRefused, DuplicateCommand, WrongCursor, WrongHead
from twofold.stores.protocols import EventStore
from twofold.stores.records import GENESIS, Head

from tests.doubles.commits import AFTER_FIRST, FIRST, assert_only, batch, events_of, outcome

pytestmark = pytest.mark.anyio


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


async def test_an_offset_has_one_outcome(store: EventStore) -> None:
    await store.commit(FIRST)
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 3, outcomes=[outcome("c2", 2), outcome("c3", 1)]))
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 3, outcomes=[outcome("c2", 2), outcome("c3", 2)]))
    await assert_only(store, FIRST)


async def test_a_command_twice_in_one_commit_is_refused_by_its_id(store: EventStore) -> None:
    await store.commit(FIRST)
    with pytest.raises(DuplicateCommand) as refused:
        await store.commit(batch(1, 4, outcomes=[outcome("c2", 2), outcome("c3", 3), outcome("c3", 4)]))
    assert refused.value.command_id == "c3"
    await assert_only(store, FIRST)


async def test_text_that_cannot_be_stored_is_refused_and_the_next_commit_goes_through(store: EventStore) -> None:
    await store.commit(FIRST)
    good = events_of(AFTER_FIRST, ("order-2", 1))[0]
    bad = replace(good, data="\ud800")
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 2, [bad]))
    await assert_only(store, FIRST)
    await store.commit(batch(1, 2, [good]))
    assert (await store.head()).position == 2
