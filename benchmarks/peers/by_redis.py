"""Redis streams as a durable log of commands: XADD, acknowledged once the append-only file is synced.

It encodes a command and appends it, and no more: it validates nothing, handles nothing, and appends a resend twice. So
it is compared with Twofold's `accepted`. One task waits for each answer. Many tasks share one connection: what they
have sent goes as one pipeline, as Redis's documentation advises, while the next one gathers; Redis syncs once for all
commands that it finds waiting, before it answers any of them.

Durability: `appendfsync always`, `no-appendfsync-on-rewrite no`; no snapshots, and no rewrite while the clock runs.
What limits it: one sync after the other, and redis-py's making of requests and reading of answers (with hiredis).
"""

from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec
from redis.asyncio import Redis

from benchmarks.shop_mix import Sent

from .driving import drive
from .groups import Groups
from .peer import PeerRun
from .servers import free_port, is_open, started

__all__ = ["run"]

SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "save": "",
    "auto-aof-rewrite-percentage": "0",
    "bind": "127.0.0.1",
}
STREAM = "commands"

encode = msgspec.json.Encoder().encode


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:  # noqa: ARG001 one way
    """Append `commands` to a stream."""
    port = free_port()
    settings = {**SETTINGS, "port": str(port), "dir": str(folder)}
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    with started(["redis-server", *options], folder / "server.log", lambda: is_open(port)):
        return anyio.run(_append, commands, tasks, seconds, port)


async def _append(commands: Sequence[Sent], tasks: int, seconds: float, port: int) -> PeerRun:
    async with Redis(host="127.0.0.1", port=port) as redis:

        async def one(sent: Sent) -> bool:
            await redis.xadd(STREAM, {"id": str(sent.command_id), "data": encode(sent.command)})
            return True

        async def write(group: list[Sent]) -> None:
            async with redis.pipeline(transaction=False) as pipeline:
                for sent in group:
                    pipeline.xadd(STREAM, {"id": str(sent.command_id), "data": encode(sent.command)})
                await pipeline.execute()

        async with Groups(write).running() as groups:
            submit = one if tasks == 1 else groups.submit
            return await drive(commands, tasks, seconds, submit, lambda: redis.xlen(STREAM))
