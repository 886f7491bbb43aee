"""Commits for any event store: events that follow one another, and what goes with them."""

from collections.abc import Sequence

from twofold.stores.chain import seal
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

NOW = 1_700_000_000_000_000


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
