"""The fixed scripts whose work is counted: batches of the example shop's commands, each settled before the next.

A batch is handed over without a turn of the event loop in between, so that it is one batch for every actor, whatever
the machine does meanwhile. Each script runs in a process of its own: the shop's parts register with the one App of the
process, and what other tests have imported must not count.
"""

import logging
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import anyio
import structlog
import twofold
from twofold import Config, Runtime
from twofold.actors.mail_settings import MailSettings
from twofold.runtime.config import DataSettings
from twofold.runtime.testing import VirtualClock

from benchmarks.shop_mix import Sent, draw_commands
from benchmarks.shop_without_effects import app as shop_without_effects
from benchmarks.whole_shop import whole_shop
from tests.doubles.counted_work import counted_work

__all__ = ["BATCH", "BATCHES", "COMMANDS", "count_calls", "count_effects", "count_work"]

BATCHES, BATCH = 10, 100
COMMANDS = BATCHES * BATCH
PACKAGE = Path(twofold.__file__).parent


def count_work(data: Path, *, sender_ids: bool) -> dict[str, int]:
    """Return how much of each thing `BATCHES` batches took, without effects."""
    return anyio.run(_count_work, data, _draw(COMMANDS, sender_ids=sender_ids), False)


def count_effects(data: Path) -> dict[str, int]:
    """Return how much of each thing one batch took with the whole shop, until its effects were done."""
    return anyio.run(_count_work, data, _draw(BATCH), True)


def count_calls(data: Path) -> dict[str, int]:
    """Return how often each function of `actors/` and `stores/` was called or gone on with, by all threads."""
    called: list[CodeType] = []  # appended to by all threads

    def note(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call":
            called.append(frame.f_code)

    async def run() -> None:
        threading.setprofile(note)  # for the threads to come: those of the databases and of the log
        try:
            first, commands = _draw(COMMANDS)
            async with _runtime(data, first, effects=False) as runtime:
                called.clear()
                sys.setprofile(note)
                await _send_batches(runtime, commands)
                sys.setprofile(None)
                codes = list(called)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        for code in codes:
            if (where := _place(code)) is not None:
                counts[f"{where}: {code.co_qualname}"] += 1

    counts: Counter[str] = Counter()
    anyio.run(run)
    return dict(counts)


def _place(code: CodeType) -> str | None:
    file = Path(code.co_filename)
    if not file.is_relative_to(PACKAGE):
        return None
    inside = file.relative_to(PACKAGE)
    return str(inside) if inside.parts[0] in {"actors", "stores"} else None


def _draw(count: int, *, sender_ids: bool = False) -> tuple[Sequence[Sent], Sequence[Sent]]:
    """Return a first batch, in which happens what happens once in a life, and the commands that count."""
    commands = draw_commands(BATCH + count, 1, sender_ids=sender_ids)
    return commands[:BATCH], commands[BATCH:]


async def _count_work(data: Path, drawn: tuple[Sequence[Sent], Sequence[Sent]], effects: bool) -> dict[str, int]:
    first, commands = drawn
    with counted_work(data) as work:
        async with _runtime(data, first, effects=effects) as runtime:
            before = work.so_far() + _ahead(data)
            await _send_batches(runtime, commands)
            return dict(work.so_far() + _ahead(data) - before)


def _ahead(data: Path) -> Counter[str]:
    """Return how long each write-ahead log is; none of these scripts comes to a checkpoint, after which it shrinks."""
    sizes: Counter[str] = Counter()
    for file in data.rglob("*-wal"):
        sizes[f"{file.relative_to(data).parts[0].removesuffix('-wal')}: bytes ahead"] += file.stat().st_size
    return sizes


@asynccontextmanager
async def _runtime(data: Path, first: Sequence[Sent], *, effects: bool) -> AsyncIterator[Runtime]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    app = whole_shop() if effects else shop_without_effects
    config = Config(data=DataSettings(dir=data), mail=MailSettings(sender="shop@example.com"))
    clock = None if effects else VirtualClock()  # with effects time must pass, for purges wait for one another
    async with Runtime(app, config, clock=clock) as runtime:
        await _send_batches(runtime, first)
        yield runtime


async def _send_batches(runtime: Runtime, commands: Sequence[Sent]) -> None:
    for first in range(0, len(commands), BATCH):
        batch = commands[first : first + BATCH]
        ids = [each.command_id for each in batch]
        await runtime.submit_many([each.command for each in batch], command_ids=ids, wait="projected")
        await runtime.settled()
