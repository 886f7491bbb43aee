"""`twofold send --settle`: waiting for what follows from the commands, and telling now and then what for."""

from contextlib import suppress

import anyio
import click
from anyio import CancelScope

from ..queries import ProjectorHalted
from ..runtime import Runtime
from ..wording import counted

__all__ = ["settle"]

BETWEEN_LINES = 10.0
"""Seconds of waiting before a line says what for, and then between such lines."""


async def settle(runtime: Runtime, waiting: CancelScope) -> None:
    """Return once all is projected and its effects are done, or `waiting` is cancelled, which ends nothing else.

    A projector that is halted ends it too: how the read database stands is the caller's to tell.
    """
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tell_now_and_then, runtime)
        with waiting, suppress(ProjectorHalted):
            await runtime.settled()
        tasks.cancel_scope.cancel()
    if waiting.cancelled_caught:
        click.echo("Not waiting for the consumers any longer: they go on at the next start.", err=True)


async def _tell_now_and_then(runtime: Runtime) -> None:
    while True:
        await anyio.sleep(BETWEEN_LINES)
        consumers = [
            f"{name} ({counted(left, 'effect')} left)" for name, left in (await runtime.effects_to_send()).items()
        ]
        awaited = ", ".join(consumers) or "the read database"
        click.echo(f"Waiting for {awaited}. Ctrl-C ends the waiting only.", err=True)
