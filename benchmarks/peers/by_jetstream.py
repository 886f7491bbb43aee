"""NATS JetStream as a durable log of commands: a publish, acknowledged by the stream's leader.

It encodes a command and appends it, and no more: it validates nothing and handles nothing. So it is compared with
Twofold's `accepted`. The header `Nats-Msg-Id` makes a resend within two minutes harmless. Every task awaits its own
acknowledgement, all over one connection, so that as many publishes are under way as there are tasks.

*In batches*: what the tasks have sent goes as an atomic batch (`allow_atomic`), of which the last message commits all
and is answered for all.

Durability: with `sync_interval: always` a message is on the disk before it is acknowledged. With the default of two
minutes it is in the page cache: a crash of the machine loses it, so no ratio is formed.
What limits it: with `always` a sync for each message; else the client's Python, with nats-py.
"""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import anyio
import msgspec
import nats
from nats.js.api import StorageType, StreamConfig

from benchmarks.shop_mix import Sent

from .driving import drive
from .groups import Groups
from .peer import PeerRun, find_program
from .servers import ServerFailed, free_port, is_open, started

__all__ = ["run"]

SUBJECT = "commands"
PATIENCE = 60.0

encode = msgspec.json.Encoder().encode


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:
    """Publish `commands`; the way is "default", "always", or "batches", which are synced always, too."""
    port = free_port()
    sync = "" if way == "default" else "sync_interval: always"
    config = folder / "nats.conf"
    config.write_text(f'host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: "{folder}"\n {sync} }}\n')
    server = find_program("nats-server")
    if server is None:
        raise ServerFailed("There is no program nats-server.")
    with started([server, "-c", str(config)], folder / "server.log", lambda: is_open(port)):
        return anyio.run(_publish, commands, tasks, seconds, port, way == "batches" and tasks > 1)


async def _publish(commands: Sequence[Sent], tasks: int, seconds: float, port: int, in_batches: bool) -> PeerRun:
    client = await nats.connect(f"nats://127.0.0.1:{port}", pending_size=64 * 1024 * 1024)
    stream = client.jetstream(timeout=PATIENCE)
    await stream.add_stream(
        StreamConfig(name="COMMANDS", subjects=[SUBJECT], storage=StorageType.FILE, allow_atomic=in_batches or None)
    )

    async def one(sent: Sent) -> bool:
        await stream.publish(SUBJECT, encode(sent.command), headers={"Nats-Msg-Id": str(sent.command_id)})
        return True

    async def write(group: list[Sent]) -> None:
        batch = uuid4().hex
        for number, sent in enumerate(group, 1):
            headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            headers["Nats-Msg-Id"] = str(sent.command_id)
            if number < len(group):
                await client.publish(SUBJECT, encode(sent.command), headers=headers)
            else:
                await stream.publish(SUBJECT, encode(sent.command), headers={**headers, "Nats-Batch-Commit": "1"})

    async def stored() -> int:
        return int((await stream.stream_info("COMMANDS")).state.messages)

    async with Groups(write).running() as groups:
        run = await drive(commands, tasks, seconds, groups.submit if in_batches else one, stored)
    await client.close()
    return run
