"""The floor of a single command's latency: its append, and then its commit, each through one bare hop to a thread.

Everything is encoded before the clock starts. The append is the log's own frame with its `fdatasync`; the commit is the
same rows in the same tables with the same pragmas.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread
from msgspec import Struct

from .bare_stores import BareLog, BareWriteDb
from .floor import FloorFiles, StraightShop
from .measuring import Latencies, latencies, quiet_collector
from .shop_mix import Sent, draw_commands
from .shop_without_effects import app

__all__ = ["BareHops", "run_bare_hops"]

row_of = msgspec.structs.astuple


class BareHops(Struct, frozen=True):
    """How long single commands took."""

    append: Latencies
    append_and_commit: Latencies


def run_bare_hops(count: int, seed: int, folder: Path) -> BareHops:
    """Append and commit `count` commands one by one in `folder`, which is empty."""
    commands = draw_commands(count, seed)
    files = FloorFiles(folder)
    log, write_db = BareLog(files.log), BareWriteDb(files.write_db)
    with quiet_collector():
        hops = anyio.run(_one_by_one, commands, log, write_db)
    log.close()
    write_db.close()
    return hops


async def _one_by_one(commands: Sequence[Sent], log: BareLog, write_db: BareWriteDb) -> BareHops:
    shop = StraightShop(app.domain())
    appends: list[int] = []
    both: list[int] = []
    now = time.perf_counter_ns
    for sent in commands:
        records = shop.records([sent])
        frame = log.frame(records)
        before = now()
        await to_thread.run_sync(log.append, frame)
        append = now() - before
        rows = shop.rows([sent], records)
        commit = partial(
            write_db.commit, [row_of(event) for event in rows.events], rows.states, rows.outcomes, rows.cursor
        )
        before = now()
        await to_thread.run_sync(commit)
        appends.append(append)
        both.append(append + now() - before)
    return BareHops(latencies(appends), latencies(both))
