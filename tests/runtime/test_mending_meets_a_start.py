"""An operator's hand on a consumer that is just being replaced, or that is gone, is not lost and not denied."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from twofold import App, EventMeta, Retry, Runtime
from twofold.runtime.config import Config, SupervisionSettings
from twofold.runtime.effects import ConsumerHalted
from twofold.runtime.testing import MemoryFolder
from twofold.stores.effect_records import EffectRecord

from tests.doubles.accounts import AccountOpened, OpenAccount, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Warehouse:
    """A consumer that fails until it is healed."""

    def __init__(self) -> None:
        self.healed = False
        self.app: App = accounts_app()

        @self.app.consumer("warehouse", retry=Retry("1ms", "1ms", attempts=1))
        async def notify(event: AccountOpened, meta: EventMeta) -> None:
            if not self.healed:
                raise ConnectionError("down")


class SlowStart:
    """Lets the next start of a consumer read its page, and hold there."""

    def __init__(self, folder: MemoryFolder) -> None:
        self.has_read, self.goes_on = anyio.Event(), anyio.Event()
        self._read, self._record = folder.effects.unfinished, folder.effects.record
        self._folder = folder
        folder.effects.unfinished = self._slowly  # type: ignore[method-assign]
        folder.effects.record = self._badly  # type: ignore[method-assign]

    async def _slowly(self, consumer: str, after: tuple[int, int], limit: int) -> Sequence[EffectRecord]:
        page = await self._read(consumer, after, limit)
        if page and not self.goes_on.is_set():
            self.has_read.set()
            await self.goes_on.wait()
        return page

    async def _badly(self, *_: Any, **__: Any) -> None:
        self._folder.effects.record = self._record  # type: ignore[method-assign]
        raise RuntimeError("once")


async def test_what_is_released_while_a_consumer_starts_is_sent() -> None:
    warehouse, folder = Warehouse(), MemoryFolder()
    async with Runtime(warehouse.app, open_stores=folder.open) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        await runtime.settled()
        (parked,) = await runtime.effects(states=["parked"])
        warehouse.healed, start = True, SlowStart(folder)
        await runtime.submit(OpenAccount("2", "Bo"), wait="projected")
        await start.has_read.wait()
        async with anyio.create_task_group() as tasks:

            async def release() -> None:
                assert await runtime.release_effects([parked.effect_id], again=True) == 1

            tasks.start_soon(release)
            await anyio.wait_all_tasks_blocked()
            start.goes_on.set()
        await runtime.settled()
        (released,) = await runtime.effects(effect_ids=[parked.effect_id])
    assert released.state == "done"


async def test_a_halted_consumer_is_told_and_cannot_be_resumed() -> None:
    warehouse, folder = Warehouse(), MemoryFolder()
    config = Config(supervision=SupervisionSettings(backoff_first=0.001, backoff_longest=0.001, restarts=1))
    async with Runtime(warehouse.app, config, open_stores=folder.open) as runtime:

        async def never(*_: Any, **__: Any) -> None:
            raise RuntimeError("the ledger is gone")

        folder.effects.record = never  # type: ignore[method-assign]
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        await runtime.settled()
        readiness = runtime.readiness()
        assert readiness.ready
        (told,) = readiness.effects
        assert told.startswith("The consumer warehouse is halted: the ledger is gone. Nothing is lost")
        with pytest.raises(ConsumerHalted, match="restart the process"):
            await runtime.resume_consumer("warehouse")


async def test_a_paused_consumer_is_told_with_the_command_that_helps() -> None:
    warehouse, folder = Warehouse(), MemoryFolder()
    async with Runtime(warehouse.app, open_stores=folder.open):
        await folder.effects.pause("warehouse", "access denied")
    async with Runtime(warehouse.app, open_stores=folder.open) as runtime:
        (told,) = runtime.readiness().effects
        assert "is paused: access denied. Mend the access, then: twofold effects resume warehouse" in told
        await runtime.resume_consumer("warehouse")
        assert runtime.readiness().effects == ()
