"""The feed gives every event once, in order, from memory or from the store, and never past the head."""

import anyio
import pytest
from twofold.actors.event_feed import EventFeed
from twofold.stores.chain import seal
from twofold.stores.memory import MemoryEventStore
from twofold.stores.records import GENESIS, Commit, EventRecord, Head

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def filled(count: int) -> tuple[MemoryEventStore, list[EventRecord]]:
    """Return a store with `count` events in one stream."""
    store, events, head = MemoryEventStore(), list[EventRecord](), GENESIS
    for version in range(1, count + 1):
        event = seal(head, "thing-1", version, "happened", 1, "{}", "{}", version)
        events.append(event)
        head = Head(event.position, event.hash)
    await store.commit(Commit(events, [], [], [], 0, 1))
    return store, events


async def test_events_come_in_order_whether_they_are_in_memory_or_not() -> None:
    store, events = await filled(50)
    feed = EventFeed(store, 40, kept=8)
    feed.publish(events[40:45], [None] * 5)
    feed.publish(events[45:50], [None] * 5)
    for limit in (1, 3, 7, 100):
        read: list[EventRecord] = []
        while more := await feed.read(len(read), limit):
            read += more
        assert read == events


async def test_events_come_as_they_were_decoded_or_not_at_all_once_any_of_them_is_out_of_memory() -> None:
    store, events = await filled(12)
    feed = EventFeed(store, 0, kept=8)
    assert feed.decoded(events[:3]) == [None] * 3
    for event in events:
        feed.publish([event], [event.position])
    assert feed.decoded(events[4:]) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert feed.decoded(events[6:9]) == [7, 8, 9]
    assert feed.decoded(events[3:9]) == [None] * 6
    assert feed.decoded(await feed.read(0, 100)) == [None] * 12


async def test_a_batch_is_in_memory_whole_and_those_before_it_as_far_as_there_is_room() -> None:
    store, events = await filled(30)
    feed = EventFeed(store, 0, kept=8)
    feed.publish(events[:20], list(range(20)))
    assert feed.decoded(events[:20]) == list(range(20))
    feed.publish(events[20:25], list(range(20, 25)))
    assert feed.decoded(events[17:25]) == list(range(17, 25))
    assert feed.decoded(events[16:25]) == [None] * 9


async def test_a_reader_waits_for_the_next_event_and_sees_none_before_it() -> None:
    store, events = await filled(2)
    feed, seen = EventFeed(store, 1), list[int]()

    async def follow() -> None:
        await feed.wait(1)
        seen.append(feed.head)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await turns()
        assert seen == []
        feed.publish(events[1:], [None])
    assert seen == [2]
