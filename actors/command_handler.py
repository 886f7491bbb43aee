"""The command handler: follows the log, lets the deciders decide, and commits what they said, batch by batch.

It alone writes the write database. Its state is a bounded cache of streams and the head of the history, both moved by
a commit and by nothing else; a failed handler is replaced by one that starts from the durable cursor with neither.
"""

from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

from ..stores.errors import ClaimTaken, CommitRefused, Corruption, DuplicateCommand
from ..stores.protocols import EventStore, Log
from ..stores.records import GENESIS, Commit, LoggedCommand, StateRecord, StreamId, split_stream
from .batch_draft import BatchDraft
from .decision import DomainFault, Loaded, fold, load
from .definitions import Domain
from .event_feed import EventFeed
from .failure_notices import FailureNotices
from .in_flight import InFlight
from .kernel.actor import Actor
from .kernel.clock import Clock
from .kernel.following import Gathering, follow
from .kernel.watermark import Watermark
from .space import Space

__all__ = ["CommandHandler"]

_FOLDED_AT_ONCE = 1000
_BETWEEN_RETENTIONS = 60.0


class CommandHandler(Actor[LoggedCommand]):
    """Handles commands in log order, each exactly once in effect.

    Events, states, outcomes, claims and the cursor of a batch are committed together. A commit that fails for neither
    I/O nor space is made again one command at a time, so that only the command at fault fails.
    """

    def __init__(
        self,
        domain: Domain,
        log: Log,
        store: EventStore,
        feed: EventFeed,
        in_flight: InFlight,
        handled: Watermark,
        space: Space,
        clock: Clock,
        *,
        mailbox: int,
        batch: int,
        cached_states: int,
    ) -> None:
        super().__init__(clock, mailbox=mailbox, batch=batch)
        self._domain = domain
        self._log = log
        self._store = store
        self._feed = feed
        self._in_flight = in_flight
        self._handled = handled
        self._space = space
        self._head = GENESIS
        self._cache: dict[StreamId, Loaded] = {}
        self._cached_states = cached_states
        self._notices = FailureNotices(clock)

    async def start(self) -> None:
        self.cursor = await self._store.cursor()
        self._head = await self._store.head()
        self._handled.rise(self.cursor)

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._follow, self._retain)

    async def _follow(self) -> None:
        """Read the log into the mailbox."""
        gathering = Gathering(self._in_flight.handling)
        await follow(self._log, self.mailbox, self.cursor, self.batch, attrgetter("offset"), gathering)

    async def _retain(self) -> None:
        """Let the log delete, now and then, what was handled and is past its retention."""
        while True:
            await self.clock.sleep(_BETWEEN_RETENTIONS)
            await self._space.write(lambda: self._log.retain(self.cursor))

    def made_at(self, message: LoggedCommand) -> int:
        return message.command.time

    async def handle(self, messages: Sequence[LoggedCommand]) -> None:
        streams = await self._load({logged.command.stream for logged in messages})
        draft = BatchDraft(self._domain, self._store, self._head, streams)
        for logged in messages:
            claiming = draft.add(logged, self._in_flight.command_at(logged.command.command_id, logged.offset))
            if claiming is not None:
                await draft.claim(claiming)
        try:
            await self._commit(draft.commit(self.cursor, messages[-1].offset))
        except (CommitRefused, ClaimTaken, DuplicateCommand) as error:
            if len(messages) > 1:
                for logged in messages:
                    await self.handle([logged])
                return
            draft = BatchDraft(self._domain, self._store, self._head, streams)
            if not isinstance(error, DuplicateCommand):
                draft.fail(messages[0], error)
            await self._commit(draft.commit(self.cursor, messages[0].offset))
            if isinstance(error, DuplicateCommand):
                first = await self._store.outcomes([error.command_id])
                draft.outcomes.extend(first.values())
        self._committed(draft, messages[-1])

    async def _commit(self, commit: Commit) -> None:
        await self._space.write(lambda: self._store.commit(commit))

    def _committed(self, draft: BatchDraft, last: LoggedCommand) -> None:
        self.cursor = last.offset
        self._head = draft.head
        for stream, loaded in draft.changed.items():
            self._cache.pop(stream, None)
            self._cache[stream] = loaded
        # All at once: to find the first key of a dict, what was deleted before it is walked over, each time anew.
        for stream in list(islice(self._cache, max(0, len(self._cache) - self._cached_states))):
            del self._cache[stream]
        self._feed.publish(draft.events, draft.decoded)
        for failure in draft.failures:
            self._notices.failed(failure)
        draft.failures.clear()
        for outcome in draft.outcomes:
            self._in_flight.handled(outcome)
        self._handled.rise(self.cursor)

    async def _load(self, streams: set[StreamId]) -> dict[StreamId, Loaded | DomainFault]:
        """Return each of `streams` as it is committed; one that cannot be folded fails its own commands only."""
        loaded: dict[StreamId, Loaded | DomainFault] = {
            stream: self._cache[stream] for stream in streams if stream in self._cache
        }
        missing = [stream for stream in streams if stream not in loaded]
        if missing:
            records = await self._store.states(missing)
            for stream in missing:
                found = self._stored(stream, records.get(stream))
                loaded[stream] = found if found is not None else await self._fold(stream)
        return loaded

    def _stored(self, stream: StreamId, record: StateRecord | None) -> Loaded | DomainFault | None:
        """Return `stream` as `record` keeps it, or ``None`` where it must be folded anew."""
        category, _ = split_stream(stream)
        decider = self._domain.deciders.get(category)
        if decider is None:
            return DomainFault(f"no decider is called {category!r} any more; register it again")
        try:
            return load(decider, record)
        except Exception as error:
            raise Corruption(
                "write.db", None, f"the state of {stream} does not decode: {error}", _SEE_VERIFY
            ) from error

    async def _fold(self, stream: StreamId) -> Loaded | DomainFault:
        decider = self._domain.deciders[split_stream(stream)[0]]
        loaded = Loaded(0, decider.initial())
        while events := await self._store.read_stream(stream, loaded.version, _FOLDED_AT_ONCE):
            try:
                loaded = fold(decider, events, loaded)
            except DomainFault as fault:  # it fails the commands of this one stream
                return fault
        return loaded


_SEE_VERIFY = "Run `twofold verify` to see the extent, then restore a backup."
