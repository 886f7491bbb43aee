"""A process that is killed in the middle of its work, so that the log ends with commands that nobody has handled."""

import os
import signal
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings, HandlerSettings

from .shop_mix import endless_commands
from .shop_without_effects import app as shop

__all__ = ["NotKilled", "leave_tail"]

HANDFUL = 500


class NotKilled(Exception):
    """The process ended in another way."""


def leave_tail(folder: Path, already: int, seed: int, tail: int) -> int:
    """Have a process submit commands until `tail` of them wait in the log, kill it, and return how many it submitted.

    `folder` holds `already` others. The handler of the process takes them one by one, each with a sync, so that the log
    soon is ahead of it.

    Raises:
        NotKilled: the process ended before that.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_submit, args=(folder, already, seed, tail, theirs))
    process.start()
    theirs.close()
    accepted: int = ours.recv()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        raise NotKilled(f"It ended with {process.exitcode}.")
    return accepted


def _submit(folder: Path, already: int, seed: int, tail: int, told: Connection) -> None:
    anyio.run(_until_killed, folder, already, seed, tail, told)


async def _until_killed(folder: Path, already: int, seed: int, tail: int, told: Connection) -> None:
    config = Config(data=DataSettings(dir=folder), handler=HandlerSettings(batch=1))
    source = endless_commands(seed + already, already=already)
    async with Runtime(shop, config) as runtime:
        accepted = 0
        while True:
            commands = [command for command, _ in islice(source, HANDFUL)]
            accepted += len(await runtime.submit_many(commands))
            found = runtime.readiness()
            if found.log_end - found.handled >= tail:
                told.send(accepted)
                os.kill(os.getpid(), signal.SIGKILL)
