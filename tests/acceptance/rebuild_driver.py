"""A shop that rebuilds its read database over and over while it takes commands and answers queries.

`python rebuild_driver.py DATA COMMANDS NOTES` submits the file's commands, and then, until its standard input ends,
rebuilds and goes back in turn while tasks reprice products and ask for the totals. Each position that a query was at,
and each rebuild, becomes a line of NOTES.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

import anyio
from anyio import to_thread
from twofold import Config, JsonCommand, Runtime
from twofold.runtime.config import DataSettings

from examples.shop.domain import app
from tests.acceptance.driver import LedgerFile

TASKS = 8


async def reprice_until(done: anyio.Event, runtime: Runtime, task: int) -> None:
    """Reprice a product of this task's own."""
    for number in itertools.count(1):
        if done.is_set():
            return
        await runtime.submit(JsonCommand("product.reprice", b'{"sku": "t%d", "price": "%d.5"}' % (task, number)))


async def ask_until(done: anyio.Event, runtime: Runtime, task: int, notes: LedgerFile) -> None:
    """Ask for the totals, and note where each answer was."""
    while not done.is_set():
        answer = await runtime.query("shop.totals")
        notes.note(task=task, position=answer.position)


async def rebuild_until(done: anyio.Event, runtime: Runtime, notes: LedgerFile) -> None:
    """Rebuild twice, and go back, in turn."""
    for back in itertools.cycle((False, False, True)):
        if done.is_set():
            return
        rebuilt = await (runtime.rebuild_back() if back else runtime.rebuild())
        notes.note(rebuilt=rebuilt.position, back=back)


async def drive(data: Path, commands: Path, notes: LedgerFile) -> None:
    """Do it all, and stop in order."""
    async with Runtime(app, Config(data=DataSettings(dir=data))) as runtime:
        lines = [json.loads(line) for line in commands.read_bytes().splitlines()]
        submitted = [JsonCommand(line["type"], json.dumps(line["data"]).encode()) for line in lines]
        await runtime.submit_many(submitted, command_ids=[line["id"] for line in lines], wait="projected", timeout=None)
        done = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for task in range(TASKS):
                tasks.start_soon(reprice_until, done, runtime, task)
            for task in range(2):
                tasks.start_soon(ask_until, done, runtime, task, notes)
            tasks.start_soon(rebuild_until, done, runtime, notes)
            await to_thread.run_sync(sys.stdin.read)
            done.set()
        await runtime.settled()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("data", "commands", "notes"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    anyio.run(drive, options.data, options.commands, LedgerFile(options.notes))


if __name__ == "__main__":
    main()
