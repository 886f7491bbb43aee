"""The clients of a peer: each sends a command, waits for the answer, and sends the next, until the time is up."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import anyio

from benchmarks.measuring import latencies, quiet_collector
from benchmarks.shop_mix import Sent

from .peer import PeerRun

__all__ = ["drive", "drive_threads"]

now = time.perf_counter_ns


async def drive(
    commands: Sequence[Sent],
    tasks: int,
    seconds: float,
    submit: Callable[[Sent], Awaitable[bool]],
    stored: Callable[[], Awaitable[int]],
) -> PeerRun:
    """Have `tasks` tasks `submit` the commands, which says if one changed anything, and ask how many are `stored`."""
    waits: list[int] = []
    changes: list[bool] = []
    with quiet_collector():
        started = now()
        source = _until(started + int(seconds * 1e9), commands)

        async def send() -> None:
            for sent in source:
                before = now()
                changes.append(await submit(sent))
                waits.append(now() - before)

        async with anyio.create_task_group() as senders:
            for _ in range(tasks):
                senders.start_soon(send)
        taken = now() - started
    return PeerRun(len(waits), sum(changes), taken / 1e9, latencies(waits), await stored())


def drive_threads(
    commands: Sequence[Sent],
    tasks: int,
    seconds: float,
    submit: Callable[[Sent], bool],
    stored: Callable[[], int],
) -> PeerRun:
    """Do the same with threads, for a peer that blocks."""
    waits: list[int] = []
    changes: list[bool] = []
    with quiet_collector():
        started = now()
        source = _until(started + int(seconds * 1e9), commands)

        def send(_: int) -> None:
            while (sent := next(source, None)) is not None:
                before = now()
                changes.append(submit(sent))
                waits.append(now() - before)

        with ThreadPoolExecutor(tasks) as threads:
            list(threads.map(send, range(tasks)))
        taken = now() - started
    return PeerRun(len(waits), sum(changes), taken / 1e9, latencies(waits), stored())


class _until(Iterator[Sent]):  # noqa: N801 read as a word of the sentence
    """The commands in order, to whoever asks next, until `end`. A list's iterator is safe to share between threads."""

    def __init__(self, end: int, commands: Sequence[Sent]) -> None:
        self._end, self._commands = end, iter(commands)

    def __next__(self) -> Sent:
        if now() > self._end:
            raise StopIteration
        return next(self._commands)
