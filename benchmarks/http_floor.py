"""The floor over HTTP: the bare endpoint, with the floor's straight-line program behind it in place of Twofold.

It decodes and answers as the bare endpoint does, under the same server's settings, and does the durable work of
`benchmarks.floor` for each order: the log's bytes with `fdatasync`, then the same rows in both databases. All of it is
on one thread, in batches as large as Twofold makes them: an append waits until the event loop brings no more orders,
and orders gather for 50 ms before their rows are written. An order is answered once its append is synced.

So it tells what is left of the bare endpoint's rate when nothing is added to it but the work itself: no validation, no
ids looked up, no bounds, no thread that keeps the disk off the event loop, nothing that survives a crash.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio.lowlevel import checkpoint
from starlette.requests import Request
from starlette.responses import Response
from twofold.actors.kernel.following import GATHERING_MANY
from twofold.actors.kernel.mailbox import Mailbox
from twofold.actors.kernel.reply import Reply
from twofold.actors.validator import GATHERING
from twofold.stores.records import CommandRecord

from .bare_stores import BareLog, BareReadDb, BareWriteDb
from .floor import BATCH, FloorFiles, StraightShop, row_of
from .http_server import BareEndpoint, Settle, bare_serving
from .shop_mix import Sent
from .shop_without_effects import app as shop

__all__ = ["floor_server"]

Waiting: TypeAlias = tuple[Sent, Reply[None]]
LOOK_EVERY = 0.002


@asynccontextmanager
async def floor_server(folder: Path) -> AsyncIterator[tuple[int, Settle]]:
    """Serve the endpoint, with its files in `folder`."""
    folder.mkdir()
    endpoint = FloorEndpoint(FloorFiles(folder))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(endpoint.append)
        tasks.start_soon(endpoint.handle)
        async with bare_serving(endpoint) as port:
            yield port, endpoint.settle
        tasks.cancel_scope.cancel()
    endpoint.close()


class FloorEndpoint(BareEndpoint):
    """The bare endpoint for single orders, which keeps them."""

    def __init__(self, files: FloorFiles) -> None:
        super().__init__()
        domain = shop.domain()
        self._shop = StraightShop(domain)
        self._log = BareLog(files.log)
        self._write_db = BareWriteDb(files.write_db)
        self._read_db = BareReadDb(files.read_db, domain.projections)
        self._come: Mailbox[Waiting] = Mailbox(100_000)
        self._logged: list[tuple[Sent, CommandRecord]] = []
        self._handled = 0

    async def one(self, request: Request) -> Response:
        """Decode one order, and answer once it is synced."""
        order = self.decode(await request.body())
        logged: Reply[None] = Reply()
        self._come.tell((Sent(order, None), logged))
        await logged.wait()
        return self.answer(order)

    async def append(self) -> None:
        """Append what has come, batch by batch."""
        while batch := await self._come.receive_gathered(BATCH, GATHERING):
            sent = [each for each, _ in batch]
            records = self._shop.records(sent)
            self._log.append(self._log.frame(records))
            self._logged += zip(sent, records, strict=True)
            self.orders += len(batch)
            for _, logged in batch:
                logged.give(None)
            await checkpoint()

    async def handle(self) -> None:
        """Write the rows of what is logged, batch by batch."""
        while True:
            if len(self._logged) < BATCH:
                await anyio.sleep(GATHERING_MANY)
            batch, self._logged = self._logged[:BATCH], self._logged[BATCH:]
            if batch:
                self._write([sent for sent, _ in batch], [record for _, record in batch])
                self._handled += len(batch)
            await checkpoint()

    async def settle(self) -> tuple[int, int, int]:
        """Return once the rows of all orders are written."""
        while self._handled < self.orders:  # noqa: ASYNC110 - nobody is told of this moment
            await anyio.sleep(LOOK_EVERY)
        now = time.perf_counter_ns()
        return self.orders, now, now

    def close(self) -> None:
        """Release the files."""
        for store in (self._log, self._write_db, self._read_db):
            store.close()

    def _write(self, sent: list[Sent], records: list[CommandRecord]) -> None:
        rows = self._shop.rows(sent, records)
        self._write_db.commit(map(row_of, rows.events), rows.states, rows.outcomes, rows.cursor)
        self._read_db.apply(self._shop.statements(rows), rows.events[-1].position)
