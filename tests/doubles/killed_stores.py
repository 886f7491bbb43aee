"""The real stores of a process that kills itself, as `kill -9` does, at one place in their work.

A place is ``METHOD.before`` or ``METHOD.after`` for a method of a store, or of the files of the log:

===================  ==============================================================================
``append``           the log takes a batch; behind it lies handling
``commit``           the write database takes a batch; behind it lies projection
``apply``            the read database takes events
``record``           the effect ledger takes the effects of events
``begin``            the effect ledger notes that attempts begin; behind it lies the delivery
``conclude``         the effect ledger notes how they ended
``open_consumer``    the effect ledger has a place for a consumer; behind it lies its registration
``write`` ``sync``   the bytes of the log go to the file, and from there to the device
``rename``           a new segment or manifest comes into its place
``log_close``        the log is sealed and closed
===================  ==============================================================================

or ``append.within``, with half of a batch in the file, ``commit.within``, with the events inserted and the states
not, ``apply.within``, with half of the statements run, and ``record.within``, with the cursor moved and no effect in.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast
from unittest.mock import patch

import msgspec
from twofold import Config
from twofold.actors.definitions import Domain
from twofold.runtime.stores import OpenStores, Stores, open_folder
from twofold.stores.files import Files
from twofold.stores.protocols import EffectLedger, EventStore, Log, ReadStore
from twofold.stores.records import Commit

T = TypeVar("T")


class Killer:
    """Ends the process when it comes to `point` for the `count`-th time."""

    def __init__(self, point: str, count: int) -> None:
        self.point, self._left = point, count

    def passes(self, point: str) -> None:
        if self.is_due(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def is_due(self, point: str) -> bool:
        """Count one arrival at `point`, and tell whether it is the last one."""
        self._left -= point == self.point
        return point == self.point and self._left == 0


class KilledIn(Sequence[T]):
    """A sequence whose reader is killed halfway through."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __iter__(self) -> Iterator[T]:
        yield from self._items[: len(self._items) // 2]
        os.kill(os.getpid(), signal.SIGKILL)


class Beside:
    """A store, but for one method that is watched."""

    def __init__(self, store: object, method: str, watched: Callable[..., Awaitable[object]]) -> None:
        self._store = store
        setattr(self, method, watched)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _KillingLedger:
    """An effect ledger whose every method is a place, such as ``begin.after``."""

    def __init__(self, ledger: EffectLedger, killer: Killer) -> None:
        self._ledger, self._killer = ledger, killer

    def __getattr__(self, name: str) -> Any:
        return _around(self._killer, name, self._record if name == "record" else getattr(self._ledger, name))

    async def _record(self, consumer: str, effects: Sequence[Any], **named: Any) -> None:
        if effects and self._killer.is_due("record.within"):
            effects = KilledIn(effects)
        await self._ledger.record(consumer, effects, **named)


@contextmanager
def killed_at(point: str, count: int) -> Iterator[OpenStores]:
    """Yield what opens the stores so that the process dies at `point`."""
    killer = Killer(point, count)

    @asynccontextmanager
    async def open_stores(config: Config, domain: Domain) -> AsyncIterator[Stores]:
        async with open_folder(config, domain) as stores:
            yield Stores(
                cast(Log, Beside(stores.log, "append", _around(killer, "append", stores.log.append))),
                cast(EventStore, Beside(stores.events, "commit", _commit(killer, stores.events))),
                cast(ReadStore, Beside(stores.read, "apply", _apply(killer, stores.read))),
                cast(EffectLedger, _KillingLedger(stores.effects, killer)),
                stores.outbox,
            )
            killer.passes("log_close.before")
        killer.passes("log_close.after")

    with _killing_files(killer):
        yield cast(Callable[[Config, Domain], AbstractAsyncContextManager[Stores]], open_stores)


def _around(killer: Killer, name: str, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    async def around(*arguments: Any, **named: Any) -> T:
        killer.passes(f"{name}.before")
        result = await call(*arguments, **named)
        killer.passes(f"{name}.after")
        return result

    return around


def _commit(killer: Killer, store: EventStore) -> Callable[[Commit], Awaitable[None]]:
    async def commit(commit: Commit) -> None:
        if commit.states and killer.is_due("commit.within"):
            commit = msgspec.structs.replace(commit, states=KilledIn(commit.states))
        await store.commit(commit)

    return _around(killer, "commit", commit)


def _apply(killer: Killer, store: ReadStore) -> Callable[..., Awaitable[None]]:
    async def apply(statements: Sequence[Any], **named: Any) -> None:
        if statements and killer.is_due("apply.within"):
            statements = KilledIn(statements)
        await store.apply(statements, **named)

    return _around(killer, "apply", apply)


@contextmanager
def _killing_files(killer: Killer) -> Iterator[None]:
    def write(files: Files, descriptor: int, data: bytes | memoryview, position: int) -> int:
        if killer.is_due("append.within"):
            os.pwrite(descriptor, data[: len(data) // 2], position)
            os.kill(os.getpid(), signal.SIGKILL)
        return os.pwrite(descriptor, data, position)

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def around(*arguments: Any) -> Any:
            killer.passes(f"{name}.before")
            result = call(*arguments)
            killer.passes(f"{name}.after")
            return result

        return around

    with (
        patch.object(Files, "write", watched("write", write)),
        patch.object(Files, "sync", watched("sync", Files.sync)),
        patch.object(Files, "rename", watched("rename", Files.rename)),
    ):
        yield
