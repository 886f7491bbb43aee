"""What happened in a stream, and what its state was at any version or time: read from the events, which tell all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from ..actors.decision import Loaded, fold, read_event
from ..actors.definitions import DeciderDefinition, Domain, EventDefinition
from ..actors.domain import moment, read_metadata
from ..stores.errors import TwofoldError
from ..stores.protocols import EventStore
from ..stores.records import EventRecord, Offset, Position, StreamId, Version, split_stream

__all__ = ["NoSuchVersion", "RecordedEvent", "StreamState", "UnknownStream", "history_of", "read_time", "state_of"]

_READ_AT_ONCE = 1000


class UnknownStream(TwofoldError):
    """No event was ever stored in that stream."""

    def __init__(self, stream: StreamId, what: str) -> None:
        self.stream = stream
        super().__init__(f"There is no stream {stream!r}: {what}.")


class NoSuchVersion(TwofoldError):
    """The stream has not come to that version."""

    def __init__(self, stream: StreamId, asked: Version, newest: Version) -> None:
        self.stream, self.asked, self.newest = stream, asked, newest
        super().__init__(f"{stream} has no version {asked}. Its versions are 1 to {newest}; 0 is its initial state.")


class RecordedEvent(Struct, frozen=True):
    """One event of a stream's history."""

    position: Position
    version: Version
    type: str
    time: datetime
    event: Any
    """The event itself, or ``None`` once erased."""
    command_id: str
    offset: Offset
    principal: str | None
    correlation_id: str | None


class StreamState(Struct, frozen=True):
    """A stream's state as it was after its event `version`."""

    stream: StreamId
    version: Version
    position: Position
    """That of the event `version`, or 0 where the state is the initial one."""
    state: Any


async def history_of(
    domain: Domain, store: EventStore, stream: StreamId, *, after: Version = 0, limit: int | None = None
) -> list[RecordedEvent]:
    """Return the events of `stream` that follow version `after`, oldest first, and no more than `limit`.

    Raises:
        UnknownStream: it never had any.
        UnreadableStream: one of them does not decode.
    """
    _decider_of(domain, stream)
    events = await store.read_stream(stream, after, limit)
    if not events and not (after and await store.read_stream(stream, 0, 1)):
        raise UnknownStream(stream, "nothing has happened under that key")
    return [_recorded(domain, record) for record in events]


async def state_of(
    domain: Domain, store: EventStore, stream: StreamId, *, version: Version | None = None, at: datetime | None = None
) -> StreamState:
    """Return the state of `stream`: the newest one, that after `version`, or that at the time `at`.

    Raises:
        UnknownStream, NoSuchVersion: there is no such stream or version.
        UnreadableStream: one of its events does not decode, or `evolve` raises at it.
        ValueError: both were asked for, a version below 0, or a time without a time zone.
    """
    if version is not None and at is not None:
        raise ValueError("A state is asked for by version or by time, not by both.")
    if at is not None and at.tzinfo is None:
        raise ValueError(f"The time {at} has no time zone. Write 2011-05-31T12:00:00Z, say.")
    decider = _decider_of(domain, stream)
    if version is not None and version < 0:
        raise ValueError(f"A version is 0 or more, and not {version}.")
    loaded = Loaded(0, decider.initial())
    newest = position = 0
    while page := await store.read_stream(stream, newest, _READ_AT_ONCE):
        newest = page[-1].version
        wanted = _up_to(page, version, at)
        loaded = fold(decider, wanted, loaded)
        position = wanted[-1].position if wanted else position
        if len(wanted) < len(page):
            break
    if not newest:
        raise UnknownStream(stream, "nothing has happened under that key")
    if version is not None and version > newest:
        raise NoSuchVersion(stream, version, newest)
    return StreamState(stream, loaded.version, position, loaded.state)


def _up_to(page: Sequence[EventRecord], version: Version | None, at: datetime | None) -> Sequence[EventRecord]:
    """Return the events of `page` before the first one past `version` or `at`; the wall clock may have gone back."""
    for index, record in enumerate(page):
        if (version is not None and record.version > version) or (at is not None and moment(record.time) > at):
            return page[:index]
    return page


def _decider_of(domain: Domain, stream: StreamId) -> DeciderDefinition:
    category, key = split_stream(stream)
    decider = domain.deciders.get(category)
    if decider is None or not key:
        raise UnknownStream(stream, f"a stream is category-key, and the categories are {', '.join(domain.deciders)}")
    return decider


def _recorded(domain: Domain, record: EventRecord) -> RecordedEvent:
    definition = domain.events.get(record.type)
    metadata = read_metadata(record.metadata)
    return RecordedEvent(
        record.position,
        record.version,
        record.type,
        moment(record.time),
        None if record.data is None else _event_of(definition, record, record.data),
        metadata.command_id,
        metadata.offset,
        metadata.principal,
        metadata.correlation_id,
    )


def _event_of(definition: EventDefinition | None, record: EventRecord, data: str) -> Any:
    """Return an event as its type, or as plain JSON where its type is not registered any more."""
    return msgspec.json.decode(data) if definition is None else read_event(definition, record, data)


def read_time(text: str) -> datetime:
    """Return the time that `text` tells.

    Raises:
        ValueError: it tells none, or leaves open in which time zone.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time. Write 2011-05-31T12:00:00Z, say.") from None
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone. Write 2011-05-31T12:00:00Z, say.")
    return time
