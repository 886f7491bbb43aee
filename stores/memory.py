"""The stores in memory: for tests, and for a look around. They pass the suites of the real ones."""

from collections.abc import Collection, Sequence
from itertools import count, islice

from anyio import Event
from anyio.lowlevel import checkpoint
from msgspec.structs import astuple

from .errors import (
    ClaimTaken,
    CommitRefused,
    Corruption,
    DuplicateCommand,
    StoreClosed,
    UnknownPartition,
    WrongCursor,
    WrongHead,
)
from .records import (
    GENESIS,
    CommandRecord,
    Commit,
    EventRecord,
    Head,
    LoggedCommand,
    Offset,
    Outcome,
    Position,
    StateRecord,
    StreamId,
    Version,
)
from .sqlite.generation import Generation

__all__ = ["MemoryEventStore", "MemoryLog", "MemoryReadStore"]


class MemoryLog:
    """A `Log` of one partition that lasts as long as the object; it keeps what is not handled, and nothing else."""

    def __init__(self) -> None:
        self._commands: list[LoggedCommand] = []
        self._start: Offset = 0
        """The offset of the newest command that was deleted."""
        self._appended = Event()
        self._closed = False

    @property
    def partitions(self) -> int:
        return 1

    def end(self, partition: int = 0) -> Offset:
        self._check(partition)
        return self._start + len(self._commands)

    async def append(self, commands: Sequence[CommandRecord], partition: int = 0) -> Offset:
        self._check(partition)
        if not commands:
            raise ValueError("A batch holds at least one command.")
        await checkpoint()
        self._check(partition)
        first = self.end() + 1
        self._commands.extend(map(LoggedCommand, count(first), commands))
        self._wake()
        return first

    async def read(self, after: Offset, limit: int, partition: int = 0) -> Sequence[LoggedCommand]:
        self._check(partition)
        if after < self._start:
            what = f"the log starts at offset {self._start + 1}, past offset {after + 1}"
            raise Corruption("memory", None, what, "Read what lies past the commands that were handled.")
        start = after - self._start
        return self._commands[start : start + max(0, limit)]

    async def wait(self, after: Offset, partition: int = 0) -> None:
        self._check(partition)
        while self.end() <= after:
            await self._appended.wait()
            self._check(partition)

    async def retain(self, handled: Offset, partition: int = 0) -> None:
        self._check(partition)
        deleted = min(max(0, handled - self._start), len(self._commands))
        del self._commands[:deleted]
        self._start += deleted

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        appended, self._appended = self._appended, Event()
        appended.set()

    def _check(self, partition: int) -> None:
        if partition != 0:
            raise UnknownPartition(partition, 1)
        if self._closed:
            raise StoreClosed("The log")


class MemoryEventStore:
    """An `EventStore` that lasts as long as the object."""

    def __init__(self) -> None:
        self._events: list[EventRecord] = []
        """The event at position n stands at index n - 1."""
        self._streams: dict[StreamId, list[EventRecord]] = {}
        self._versions: set[tuple[StreamId, Version]] = set()
        self._states: dict[StreamId, StateRecord] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._claims: dict[tuple[str, str], StreamId] = {}
        self._cursors: dict[int, Offset] = {}
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
        for outcome in outcomes:
            if outcome.command_id in seen or outcome.command_id in self._outcomes:
                raise DuplicateCommand(outcome.command_id)
            seen.add(outcome.command_id)

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


class MemoryReadStore(Generation):
    """A `ReadStore` that lasts as long as the object: SQLite itself, in memory. Open it by `in_memory`."""


def check_text(*texts: str | None) -> None:
    """Refuse what UTF-8 cannot hold, as every database does."""
    try:
        "".join(text for text in texts if text is not None).encode()
    except UnicodeEncodeError as error:
        raise CommitRefused(error) from error
