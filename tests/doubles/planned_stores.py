"""Stores that do as a test has planned: the real ones underneath, and calls that fail or wait on their way there."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import anyio
from twofold.actors.definitions import Domain
from twofold.runtime.config import Config
from twofold.runtime.stores import OpenStores, Stores, open_folder
from twofold.stores.protocols import EffectLedger, EventStore, Log, ReadDb, ReadGeneration, ReadStore, Snapshot
from twofold.stores.records import (
    CommandRecord,
    Commit,
    EventRecord,
    Head,
    LoggedCommand,
    Offset,
    Outcome,
    Position,
    Statement,
    StateRecord,
    StreamId,
    Version,
)


class Gate:
    """A call that waits here until the gate is opened."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self._opened = anyio.Event()
        self._error: Exception | None = None

    def open(self, error: Exception | None = None) -> None:
        """Let the call through, or fail it with `error`."""
        self._error = error
        self._opened.set()

    async def pass_through(self) -> None:
        self.reached.set()
        await self._opened.wait()
        if self._error is not None:
            raise self._error


class Plan:
    """What happens at the coming calls of each operation; what is not planned goes through."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = defaultdict(int)
        self.commits: list[Commit] = []
        self._coming: dict[str, deque[Exception | Gate | None]] = defaultdict(deque)
        self._always: dict[str, Callable[[], Exception]] = {}

    def fail(self, operation: str, *errors: Exception | None) -> None:
        """Fail the next calls of `operation`, one with each of `errors`; ``None`` lets one go through."""
        self._coming[operation].extend(errors)

    def fail_always(self, operation: str, error: Callable[[], Exception]) -> None:
        """Fail every call of `operation`, until `relent`."""
        self._always[operation] = error

    def relent(self, operation: str) -> None:
        del self._always[operation]

    def hold(self, operation: str) -> Gate:
        """Let the next call of `operation` wait until the gate is opened."""
        gate = Gate()
        self._coming[operation].append(gate)
        return gate

    async def before(self, operation: str) -> None:
        self.calls[operation] += 1
        if operation in self._always:
            error = self._always[operation]()
            raise error
        coming = self._coming[operation]
        if not coming:
            return
        planned = coming.popleft()
        if isinstance(planned, Exception):
            raise planned
        if planned is not None:
            await planned.pass_through()


class PlannedLog:
    def __init__(self, log: Log, plan: Plan) -> None:
        self._log, self._plan = log, plan

    @property
    def partitions(self) -> int:
        return self._log.partitions

    def end(self, partition: int = 0) -> Offset:
        return self._log.end(partition)

    async def append(self, commands: Sequence[CommandRecord], partition: int = 0) -> Offset:
        await self._plan.before("append")
        return await self._log.append(commands, partition)

    async def read(self, after: Offset, limit: int, partition: int = 0) -> Sequence[LoggedCommand]:
        found = await self._log.read(after, limit, partition)
        await self._plan.before(f"log_read/{limit}")
        return found

    async def wait(self, after: Offset, partition: int = 0) -> None:
        await self._log.wait(after, partition)

    async def retain(self, handled: Offset, partition: int = 0) -> None:
        await self._plan.before("retain")
        await self._log.retain(handled, partition)

    async def close(self) -> None:
        await self._log.close()


class PlannedEventStore:
    def __init__(self, store: EventStore, plan: Plan) -> None:
        self._store, self._plan = store, plan

    async def head(self) -> Head:
        return await self._store.head()

    async def cursor(self, partition: int = 0) -> Offset:
        await self._plan.before("cursor")
        return await self._store.cursor(partition)

    async def commit(self, commit: Commit) -> None:
        await self._plan.before("commit")
        self._plan.commits.append(commit)
        await self._store.commit(commit)
        await self._plan.before("committed")

    async def states(self, streams: Collection[StreamId]) -> dict[StreamId, StateRecord]:
        await self._plan.before("states")
        return await self._store.states(streams)

    async def outcomes(self, command_ids: Collection[str]) -> dict[str, Outcome]:
        await self._plan.before("outcomes")
        return await self._store.outcomes(command_ids)

    async def claim_holder(self, name: str, value: str) -> StreamId | None:
        await self._plan.before("claim_holder")
        return await self._store.claim_holder(name, value)

    async def read(self, after: Position, limit: int) -> Sequence[EventRecord]:
        return await self._store.read(after, limit)

    async def read_stream(
        self, stream: StreamId, after: Version = 0, limit: int | None = None
    ) -> Sequence[EventRecord]:
        return await self._store.read_stream(stream, after, limit)

    async def consumers(self) -> dict[str, Position]:
        return await self._store.consumers()

    async def register_consumer(self, name: str, start: Position) -> None:
        await self._plan.before("register_consumer")
        await self._store.register_consumer(name, start)

    async def close(self) -> None:
        await self._store.close()


class PlannedReadStore:
    def __init__(self, store: ReadStore, plan: Plan) -> None:
        self._store, self._plan = store, plan

    async def position(self) -> Position:
        return await self._store.position()

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        await self._plan.before("apply")
        await self._store.apply(statements, expected=expected, position=position)

    @property
    def is_filled(self) -> bool:
        return self._store.is_filled

    async def mark_filled(self) -> None:
        await self._plan.before("mark_filled")
        await self._store.mark_filled()

    def new_generation(self) -> AbstractAsyncContextManager[ReadGeneration]:
        return self._store.new_generation()

    def previous_generation(self) -> AbstractAsyncContextManager[ReadGeneration]:
        return self._store.previous_generation()

    async def serve(self, generation: ReadGeneration) -> None:
        await self._plan.before("serve")
        await self._store.serve(generation)

    async def query(self, ask: Callable[[ReadDb], Awaitable[object]]) -> Snapshot:
        await self._plan.before("query")
        return await self._store.query(ask)

    async def close(self) -> None:
        await self._store.close()


class PlannedLedger:
    """An effect ledger whose every method is an operation of the plan, and again, with ``/done``, once it is done."""

    def __init__(self, ledger: EffectLedger, plan: Plan) -> None:
        self._ledger, self._plan = ledger, plan

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            await self._plan.before(name)
            result = await getattr(self._ledger, name)(*arguments, **named)
            await self._plan.before(f"{name}/done")
            return result

        return call


def planned(plan: Plan, open_stores: OpenStores = open_folder) -> OpenStores:
    """Return what opens the stores of `open_stores` behind `plan`."""

    @asynccontextmanager
    async def open_planned(config: Config, domain: Domain) -> AsyncIterator[Stores]:
        async with open_stores(config, domain) as (log, events, read, effects, outbox):
            yield Stores(
                PlannedLog(log, plan),
                PlannedEventStore(events, plan),
                PlannedReadStore(read, plan),
                cast(EffectLedger, PlannedLedger(effects, plan)),
                outbox,
            )

    return open_planned
