"""PostgreSQL as an event store written by hand, over asyncpg and a socket of the file system.

*Each command in a transaction*: a task takes a connection, validates, loads the stream's version and state (one
statement, by its key), decides with the shop's own rules, and stores event and state in one statement, which is its own
transaction. That the key (stream, version) is unique is the optimistic concurrency: who loses decides anew. That the
command's id is unique makes a resend harmless. It keeps no log of commands (a client that crashes sends again) and no
read model; its positions have gaps, and a reader can see a later one first, which Twofold rules out.

*In groups*: what 1,024 tasks have sent is decided together in memory and stored by one writer in one transaction of two
statements over arrays, which is what Twofold does with its batches. Optimistic concurrency stays: another writer's
event makes the whole group fail.

Durability: `fsync=on`, `synchronous_commit=on`, `full_page_writes=on`, and PostgreSQL's `fdatasync`.
Tuning: prepared statements, 256 MB of shared buffers, no checkpoint while the clock runs, `wal_level=minimal`, no
autovacuum, a socket instead of TCP; 64 connections, over which PostgreSQL commits in groups, and `commit_delay`.
What limits it: two round trips a command and a process for each connection, on the same processors.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import asyncpg

from benchmarks.shop_mix import Sent

from .driving import drive
from .groups import Groups
from .peer import PeerRun
from .rules import Addressed, address, decide, decide_many
from .servers import postgres

__all__ = ["run"]

SETTINGS = (
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "wal_level=minimal",
    "max_wal_senders=0",
    "shared_buffers=256MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "jit=off",
)
CONNECTIONS = 64
COMMIT_DELAY = ("commit_delay=200", "commit_siblings=8")
"""Microseconds that a commit waits for others, as long as so many are under way."""

SCHEMA = """
CREATE TABLE streams (stream text PRIMARY KEY, version int NOT NULL, state text NOT NULL) WITH (fillfactor = 50);
CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL, version int NOT NULL,
    type text NOT NULL, data text NOT NULL, command_id text NOT NULL UNIQUE,
    time timestamptz NOT NULL DEFAULT now(), UNIQUE (stream, version)
);
"""
LOAD = "SELECT version, state FROM streams WHERE stream = $1"
APPEND = """
WITH event AS (
    INSERT INTO events (stream, version, type, data, command_id) VALUES ($1, $2, $3, $4, $6)
)
INSERT INTO streams VALUES ($1, $2, $5)
ON CONFLICT (stream) DO UPDATE SET version = excluded.version, state = excluded.state
"""
COUNT = "SELECT count(*) FROM events"
LOAD_MANY = "SELECT stream, version, state FROM streams WHERE stream = ANY($1::text[])"
APPEND_MANY = """
INSERT INTO events (stream, version, type, data, command_id)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[])
"""
SAVE_MANY = """
INSERT INTO streams SELECT * FROM unnest($1::text[], $2::int[], $3::text[])
ON CONFLICT (stream) DO UPDATE SET version = excluded.version, state = excluded.state
"""


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:
    """Store the events of `commands`, "each" in a transaction or in "groups"."""
    settings = (*SETTINGS, *COMMIT_DELAY) if way == "each" and tasks > 1 else SETTINGS
    with postgres(folder, settings) as sockets:
        serve = _in_groups if way == "groups" else _each
        return anyio.run(serve, commands, tasks, seconds, sockets)


async def _each(commands: Sequence[Sent], tasks: int, seconds: float, sockets: Path) -> PeerRun:
    async with _connections(sockets, min(tasks, CONNECTIONS)) as connections:
        await connections[0].execute(SCHEMA)
        idle: asyncio.LifoQueue[asyncpg.Connection] = asyncio.LifoQueue()
        for connection in connections:
            idle.put_nowait(connection)

        async def submit(sent: Sent) -> bool:
            to = address(sent.command, str(sent.command_id))
            connection = await idle.get()
            try:
                while True:
                    row = await connection.fetchrow(LOAD, to.stream)
                    decided = decide(to, *((0, None) if row is None else row))
                    if decided is None:
                        return False
                    try:
                        await connection.execute(APPEND, *decided)
                    except asyncpg.UniqueViolationError as conflict:
                        if "command_id" in conflict.constraint_name:
                            return False  # sent before, and done
                    else:
                        return True
            finally:
                idle.put_nowait(connection)

        return await drive(commands, tasks, seconds, submit, lambda: connections[0].fetchval(COUNT))


async def _in_groups(commands: Sequence[Sent], tasks: int, seconds: float, sockets: Path) -> PeerRun:
    async with _connections(sockets, 1) as [connection]:
        await connection.execute(SCHEMA)

        async def write(group: list[Addressed]) -> None:
            async with connection.transaction():
                rows = await connection.fetch(LOAD_MANY, list({to.stream for to in group}))
                decided = decide_many(group, {stream: (version, state) for stream, version, state in rows})
                streams, versions, types, data, _, ids = map(list, zip(*decided, strict=True))
                await connection.execute(APPEND_MANY, streams, versions, types, data, ids)
                last = {event.stream: event for event in decided}.values()
                columns = [(event.stream, event.version, event.state) for event in last]
                await connection.execute(SAVE_MANY, *map(list, zip(*columns, strict=True)))

        async with Groups(write).running() as groups:
            return await drive(
                commands,
                tasks,
                seconds,
                lambda sent: groups.submit(address(sent.command, str(sent.command_id))),
                lambda: connection.fetchval(COUNT),
            )


@asynccontextmanager
async def _connections(sockets: Path, count: int) -> AsyncIterator[list[asyncpg.Connection]]:
    connections = [await asyncpg.connect(host=str(sockets), user="shop", database="postgres") for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.close()
