"""The straight loop beside a rebuild: it selects the events, decodes them, and writes the same rows by `executemany`.

In steps of as many events as Twofold takes, on one thread, one after the other: a SELECT of the columns that are
needed, msgspec's decoder for the event, the shop's projections, each SQL text with all of its rows in one
`executemany`, and the position, in one transaction with `synchronous=NORMAL`. In the end the file is checkpointed and
synced, as a new generation is before it serves. It neither serves anybody meanwhile, nor can it be stopped, nor does it
look at what it decodes.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from twofold.actors.domain import EventMeta
from twofold.actors.filling import PAGE
from twofold.stores.records import EventRecord
from twofold.stores.sqlite.event_rows import EVENTS_AFTER

from .bare_stores import BareReadDb, Row
from .measuring import quiet_collector
from .shop_without_effects import app as shop

__all__ = ["RebuildRun", "rebuild_straight"]


class RebuildRun(Struct, frozen=True):
    """How long filling a read database anew took."""

    events: int
    seconds: float
    cpu_seconds: float


def rebuild_straight(write_db: Path, read_db: Path) -> RebuildRun:
    """Fill the new file `read_db` with what the projections make of the events in `write_db`."""
    domain = shop.domain()
    decoders: dict[str, msgspec.json.Decoder[Any]] = {
        name: msgspec.json.Decoder(definition.type) for name, definition in domain.events.items()
    }
    now = time.perf_counter
    with closing(sqlite3.connect(f"{write_db.absolute().as_uri()}?mode=ro", uri=True)) as source, quiet_collector():
        cpu_before, began, position = time.process_time(), now(), 0
        target = BareReadDb(read_db, domain.projections)
        while page := source.execute(EVENTS_AFTER, (position, PAGE)).fetchall():
            statements: dict[str, list[Row]] = {}
            for row in page:
                record = EventRecord(*row)
                event: Any = decoders[record.type].decode(record.data or "")
                meta = EventMeta(record)
                for _, project in domain.projected[record.type]:
                    for sql, parameters in project(event, meta) or ():
                        statements.setdefault(sql, []).append(parameters)
            position = page[-1][0]
            target.apply(statements, position)
        target.close()
        return RebuildRun(position, now() - began, time.process_time() - cpu_before)
