"""The chain of hashes through the events."""

from hashlib import sha256
from struct import pack

import pytest
from msgspec.structs import replace
from twofold.stores.chain import seal, verify
from twofold.stores.records import GENESIS, EventRecord, Head

NOW = 1_700_000_000_000_000


def history(count: int) -> list[EventRecord]:
    events, head = [], GENESIS
    for n in range(count):
        event = seal(
            head, f"order-{n % 3}", n // 3 + 1, "order.placed", 1, f'{{"n":{n}}}', f'{{"offset":{n}}}', NOW + n
        )
        events.append(event)
        head = Head(event.position, event.hash)
    return events


def places(events: list[EventRecord], head: Head = GENESIS) -> list[int]:
    return [link.position for link in verify(events, head)]


def test_the_hash_is_the_one_that_the_document_describes() -> None:
    (event,) = history(1)
    stream, name, metadata = b"order-0", b"order.placed", b'{"offset":0}'
    envelope = bytes(32) + pack(">7q", 1, 1, NOW, 1, len(stream), len(name), len(metadata)) + stream + name + metadata
    assert event.digest == sha256(b'{"n":0}').digest()
    assert event.hash == sha256(envelope + event.digest).digest()


def test_events_as_they_were_sealed_verify_from_the_start_and_from_any_head() -> None:
    events = history(10)
    assert places(events) == []
    assert places(events[4:], Head(4, events[3].hash)) == []


def test_erased_data_leaves_a_chain_that_verifies() -> None:
    events = history(10)
    events[4] = replace(events[4], data=None)
    assert places(events) == []


@pytest.mark.parametrize(
    "edit",
    [
        {"data": '{"n":99}'},
        {"stream": "order-9"},
        {"version": 99},
        {"type": "order.cancelled"},
        {"schema_version": 2},
        {"metadata": "{}"},
        {"time": 0},
        {"stream": "order-1order", "type": ".placed"},
    ],
)
def test_an_edit_shows_at_the_event_that_was_edited_and_nowhere_else(edit: dict[str, str | int]) -> None:
    events = history(10)
    events[4] = replace(events[4], **edit)
    assert places(events) == [5]


def test_an_edit_that_seals_its_event_anew_shows_at_the_next() -> None:
    events = history(10)
    before = Head(4, events[3].hash)
    events[4] = seal(before, events[4].stream, events[4].version, "order.placed", 1, '{"n":99}', "{}", NOW)
    assert places(events) == [6]


def test_data_erased_together_with_its_digest_shows() -> None:
    events = history(10)
    events[4] = replace(events[4], data=None, digest=bytes(32))
    assert places(events) == [5]


@pytest.mark.parametrize("change", [lambda e: [*e[:4], *e[5:]], lambda e: [*e[:4], e[3], *e[4:]]])
def test_a_missing_and_a_doubled_event_show(change: object) -> None:
    events = history(10)
    assert callable(change)
    faults = list(verify(change(events), GENESIS))
    assert any("missing or doubled" in fault.what for fault in faults)


def test_swapped_events_show() -> None:
    events = history(10)
    events[4], events[5] = events[5], events[4]
    assert places(events) != []


def test_a_history_that_starts_from_another_head_shows() -> None:
    assert places(history(3), Head(0, b"x" * 32)) == [1]
