"""The event store in memory."""

from collections.abc import Collection, Sequence
from itertools import islice

from anyio.lowlevel import checkpoint
from msgspec.structs import astuple

from ..errors import ClaimTaken, CommitRefused, DuplicateCommand, StoreClosed, WrongCursor, WrongHead
from ..records import GENESIS, Commit, EventRecord, Head, Offset, Outcome, Position, StateRecord, StreamId, Version
from .text import check_text

__all__ = ["MemoryEventStore"]


class MemoryEventStore:
    """An `EventStore` that lasts as long as the object."""

    def __init__(self) -> None:
        self._events: list[EventRecord] = []
        """The event at position n stands at index n - 1."""
        self._streams: dict[StreamId, list[EventRecord]] = {}
        self._versions: set[tuple[StreamId, Version]] = set()
        self._states: dict[StreamId, StateRecord] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._offsets: set[Offset] = set()
        """Those of the outcomes."""
        self._claims: dict[tuple[str, str], StreamId] = {}
        self._cursors: dict[int, Offset] = {}
        self._consumers: dict[str, Position] = {}
        self._closed = False

    async def head(self) -> Head:
        await self._enter()
        return Head(self._events[-1].position, self._events[-1].hash) if self._events else GENESIS

    async def cursor(self, partition: int = 0) -> Offset:
        await self._enter()
        return self._cursors.get(partition, 0)

    async def commit(self, commit: Commit) -> None:
        await self._enter()
        self._check_cursor(commit)
        self._check_events(commit.events)
        self._check_outcomes(commit.outcomes)
        claims = self._changed_claims(commit)
        self._cursors[commit.partition] = commit.cursor_after
        self._events.extend(commit.events)
        for event in commit.events:
            self._streams.setdefault(event.stream, []).append(event)
            self._versions.add((event.stream, event.version))
        self._states.update((state.stream, state) for state in commit.states)
        self._outcomes.update((outcome.command_id, outcome) for outcome in commit.outcomes)
        self._offsets.update(outcome.offset for outcome in commit.outcomes)
        self._claims = claims

    async def states(self, streams: Collection[StreamId]) -> dict[StreamId, StateRecord]:
        await self._enter()
        return {stream: self._states[stream] for stream in streams if stream in self._states}

    async def outcomes(self, command_ids: Collection[str]) -> dict[str, Outcome]:
        await self._enter()
        return {each: self._outcomes[each] for each in command_ids if each in self._outcomes}

    async def claim_holder(self, name: str, value: str) -> StreamId | None:
        await self._enter()
        return self._claims.get((name, value))

    async def read(self, after: Position, limit: int) -> Sequence[EventRecord]:
        await self._enter()
        return self._events[after : after + limit]

    async def read_stream(
        self, stream: StreamId, after: Version = 0, limit: int | None = None
    ) -> Sequence[EventRecord]:
        await self._enter()
        later = (event for event in self._streams.get(stream, ()) if event.version > after)
        return list(islice(later, limit))

    async def consumers(self) -> dict[str, Position]:
        await self._enter()
        return dict(sorted(self._consumers.items()))

    async def register_consumer(self, name: str, start: Position) -> None:
        await self._enter()
        check_text(name)
        self._consumers.setdefault(name, start)

    async def close(self) -> None:
        self._closed = True

    async def _enter(self) -> None:
        if self._closed:
            raise StoreClosed("The event store in memory")
        await checkpoint()

    def _check_cursor(self, commit: Commit) -> None:
        actual = self._cursors.get(commit.partition, 0)
        if actual != commit.cursor_before:
            raise WrongCursor("handler", commit.cursor_before, actual)

    def _check_events(self, events: Sequence[EventRecord]) -> None:
        newest = len(self._events)
        if events and events[0].position != newest + 1:
            raise WrongHead(events[0].position - 1, newest)
        versions: set[tuple[StreamId, Version]] = set()
        for position, event in enumerate(events, newest + 1):
            if event.position != position:
                raise CommitRefused(f"the event behind position {position - 1} has position {event.position}")
            if (event.stream, event.version) in versions or (event.stream, event.version) in self._versions:
                raise CommitRefused(f"{event.stream} has an event of version {event.version} already")
            versions.add((event.stream, event.version))
            check_text(event.data, event.metadata)

    def _check_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        seen: set[str] = set()
        offsets: set[Offset] = set()
        for outcome in outcomes:
            if outcome.command_id in seen or outcome.command_id in self._outcomes:
                raise DuplicateCommand(outcome.command_id)
            if outcome.offset in offsets or outcome.offset in self._offsets:
                raise CommitRefused(f"offset {outcome.offset} has an outcome already")
            seen.add(outcome.command_id)
            offsets.add(outcome.offset)

    def _changed_claims(self, commit: Commit) -> dict[tuple[str, str], StreamId]:
        claims = dict(self._claims) if commit.claims else self._claims
        for name, value, stream, taken in map(astuple, commit.claims):
            holder = claims.get((name, value))
            if taken and holder not in {None, stream}:
                raise ClaimTaken(name, value, str(holder))
            if not taken and holder != stream:
                raise CommitRefused(f"{stream} releases {name} {value!r}, which it does not hold")
            if taken:
                claims[name, value] = stream
            else:
                del claims[name, value]
        return claims
