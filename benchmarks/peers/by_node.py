"""Emmett on Node with its SQLite event store: the shop in its own style stands in `emmett_shop.mjs`.

It validates, reads the stream, decides on the state folded from it, and appends with the version that it read; a
conflict is tried again. It keeps no log of commands and no read model, and a resend is refused only by the rules.
Streams of this load hold some ten events, so that folding is cheap; its command handler keeps no states.

Durability: its connections set WAL and leave `synchronous` at SQLite's FULL: a sync for each command.
Tuning: a connection of our own stays open, so that SQLite does not copy the WAL each time the store closes its own;
that made it five times as fast. One task: its store shares one connection between calls and closes it after each, so
that several calls at once fail (SQLITE_MISUSE). A commit that it refuses for its own statement is tried again.
What limits it: opening a connection for each read and each append, and the sync.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.measuring import latencies
from benchmarks.shop_mix import Sent

from .peer import PeerRun
from .rules import address
from .servers import ServerFailed

__all__ = ["NODE_MODULES", "run"]

NODE_MODULES = Path(__file__).parent / "node_modules"
SHOP = NODE_MODULES.with_name("emmett_shop.mjs")


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:  # noqa: ARG001 one way
    """Handle `commands` in a Node process."""
    given = folder / "commands.ndjson"
    given.write_bytes(b"".join(_line(sent) for sent in commands))
    arguments = [str(SHOP), str(given), str(folder / "events.db"), str(tasks), str(seconds)]
    done = subprocess.run(["node", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailed(f"node ended with {done.returncode}:\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return PeerRun(len(told["waits"]), told["changes"], told["seconds"], latencies(told["waits"]), told["stored"])


def _line(sent: Sent) -> bytes:
    to = address(sent.command, str(sent.command_id))
    line = {"type": to.definition.name, "stream": to.stream, "data": sent.command}
    return msgspec.json.encode(line) + b"\n"
