"""`twofold`, killed as by `kill -9` at one place of a rebuild: `python killed_rebuild.py POINT ARGUMENTS...`.

===================  ==================================================================
``created``          the new file is there, with no row in it
``applied``          two steps of events are in it
``interrupted``      the same, but the signal is SIGINT
``checkpointed``     it is whole and synced, and does not serve yet
``pointed``          the pointer names it, and nothing else has happened since
===================  ==================================================================
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from anyio import sleep_forever
from twofold.actors import filling
from twofold.runtime.cli import main
from twofold.stores.sqlite import read_store
from twofold.stores.sqlite.generation import Generation
from twofold.stores.sqlite.generation_files import Pointer, point_to

STEP = 10
"""Events: small enough for a few steps in the history of a test."""


def killed_after(
    call: Callable[..., Awaitable[Any]], times: int, number: signal.Signals = signal.SIGKILL
) -> Callable[..., Awaitable[Any]]:
    left = times

    async def around(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        result = await call(*arguments, **named)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
            await sleep_forever()  # until it has come
        return result

    return around


def pointed(pointer: Pointer) -> None:
    point_to(pointer)
    os.kill(os.getpid(), signal.SIGKILL)


PATCHES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "created": lambda: patch.object(Generation, "build", killed_after(Generation.build, 1)),
    "applied": lambda: patch.object(Generation, "apply", killed_after(Generation.apply, 2)),
    "interrupted": lambda: patch.object(Generation, "apply", killed_after(Generation.apply, 2, signal.SIGINT)),
    "checkpointed": lambda: patch.object(Generation, "checkpoint", killed_after(Generation.checkpoint, 1)),
    "pointed": lambda: patch.object(read_store, "point_to", pointed),
}

if __name__ == "__main__":
    point, arguments = sys.argv[1], sys.argv[2:]
    with PATCHES[point](), patch.object(filling, "PAGE", STEP):
        main(arguments)
