"""A whole runtime in memory, for tests: no file, no server, and a clock that stands still."""

from collections.abc import Sequence

from msgspec.structs import replace

from ...stores.effect_records import EffectRecord
from ..app import App
from ..config import Config
from ..runtime import Runtime
from .memory_folder import MemoryFolder
from .sent import Sent
from .virtual_clock import VirtualClock

__all__ = ["MemoryRuntime"]

_ALL = 1_000_000


class MemoryRuntime(Runtime):
    """A `Runtime` whose log, databases and outbox are in memory: ``async with MemoryRuntime(app) as runtime``.

    Nothing lies on disk, and no e-mail or purge leaves, whatever `config` says: `sent` has them. A consumer of your own
    is called. Time stands still unless `clock` is advanced, so nothing that waits for a retry or a timeout goes on by
    itself; purges do not wait for others to go with them. Two runtimes with the same `folder` are one that was
    restarted.
    """

    def __init__(
        self,
        app: App,
        config: Config | None = None,
        *,
        clock: VirtualClock | None = None,
        folder: MemoryFolder | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self._folder = folder or MemoryFolder()
        super().__init__(app, config, clock=self.clock, open_stores=self._folder.open)
        at_once = {name: replace(effect, window=0.0) for name, effect in self._domain.effects.items()}
        self._domain = replace(self._domain, effects=at_once)

    @property
    def sent(self) -> Sent:
        """The e-mails and purges that were sent; `settled` waits until all that follow from what was accepted are."""
        return self._folder.sent

    async def parked(self) -> Sequence[EffectRecord]:
        """Return the effects that will not be sent without somebody's help, each with its `error`."""
        return await self._folder.effects.search(states=["parked"], limit=_ALL)
