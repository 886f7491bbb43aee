"""A program that embeds Twofold: many tasks submit a file's commands, and a ledger keeps what each was told.

`python driver.py DATA COMMANDS LEDGER [--tasks N] [--die POINT COUNT]`: with --die it kills itself, as `kill -9` does,
when it comes to a place in the stores for the COUNT-th time (see `tests/doubles/killed_stores.py`).

The commands of one stream go through one task, which waits for each answer: their order is that of the file, whatever
is killed in between and sent again. A line of the ledger is written after its answer has come, and lies outside the
data folder.
"""

import argparse
import json
import os
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
from twofold import CommandRefused, Config, JsonCommand, Runtime
from twofold.actors.submission import Stage
from twofold.runtime.config import DataSettings, LogSettings

from examples.shop.domain import app
from tests.doubles.killed_stores import killed_at

STAGES: tuple[Stage, ...] = ("accepted", "handled", "projected")
KEYS = {"order": "order_id", "return": "return_id", "product": "sku"}
SEGMENT_BYTES = 256 << 10
"""Small, so that kills also fall between two segments."""


class LedgerFile:
    """Where the answers are noted, one a line and one a write: what was written outlives the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, **answer: object) -> None:
        os.write(self._file, json.dumps(answer).encode() + b"\n")


async def submit_all(runtime: Runtime, commands: list[dict[str, Any]], wait: Stage, ledger: LedgerFile) -> None:
    """Submit `commands` one after the other, and note each answer."""
    for command in commands:
        data = json.dumps(command["data"]).encode()
        try:
            receipt = await runtime.submit(
                JsonCommand(command["type"], data), command_id=command["id"], wait=wait, timeout=None
            )
        except CommandRefused as refusal:
            ledger.note(id=command["id"], stage="refused", faults=[fault.path for fault in refusal.faults])
            continue
        outcome = receipt.outcome
        facts = [outcome.status, outcome.version, outcome.events, outcome.position] if outcome else None
        ledger.note(id=command["id"], stage=receipt.stage, offset=receipt.offset, outcome=facts)


async def drive(data: Path, commands: Path, ledger: LedgerFile, tasks: int, die: tuple[str, int] | None) -> None:
    """Submit all commands on `tasks` tasks, and stop in order."""
    shares: list[list[dict[str, Any]]] = [[] for _ in range(tasks)]
    for line in commands.read_bytes().splitlines():
        command = json.loads(line)
        key = command["data"][KEYS[command["type"].partition(".")[0]]]
        shares[zlib.crc32(key.encode()) % tasks].append(command)
    config = Config(data=DataSettings(dir=data), log=LogSettings(segment_bytes=SEGMENT_BYTES))
    with ExitStack() as stack:
        open_stores = stack.enter_context(killed_at(*die)) if die else None
        runtime = Runtime(app, config, open_stores=open_stores) if open_stores else Runtime(app, config)
        async with runtime, anyio.create_task_group() as group:
            for number, share in enumerate(shares):
                group.start_soon(submit_all, runtime, share, STAGES[number % len(STAGES)], ledger)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("commands", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--tasks", type=int, default=96)
    parser.add_argument("--die", nargs=2, metavar=("POINT", "COUNT"))
    options = parser.parse_args()
    die = (options.die[0], int(options.die[1])) if options.die else None
    anyio.run(drive, options.data, options.commands, LedgerFile(options.ledger), options.tasks, die)


if __name__ == "__main__":
    main()
