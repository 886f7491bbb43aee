"""Opening and closing a runtime: the stores, then the actors over them; and backwards at its end."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
from anyio import CancelScope

from ..actors.kernel.clock import Clock, SystemClock
from ..actors.kernel.deadlines import Deadlines
from ..stores.records import Position
from .announcements import Announcements
from .app import App
from .config import Config
from .failures import FATAL, NotRunning, failure_of
from .pipeline import Pipeline
from .stores import OpenStores, Stores, open_folder

__all__ = ["Lifecycle"]


class Lifecycle:
    """What a `Runtime` is before, in and after its block; what can be asked of it in there is added on top."""

    def __init__(
        self,
        app: App,
        config: Config | None = None,
        *,
        clock: Clock | None = None,
        open_stores: OpenStores = open_folder,
        stop_limit: float = 60.0,
        url: str | None = None,
    ) -> None:
        """Be ready to start `app`.

        `stop_limit` is how many seconds a stop may take. `url` is where the HTTP interface of this process is reached,
        if it is: the commands that an operator is told then name it.
        """
        self._domain = app.domain()
        self._config = config or Config()
        self._clock: Clock = clock or SystemClock()
        self._open_stores = open_stores
        self._stop_limit = stop_limit
        self._url = url
        self._deadlines = Deadlines(self._clock)
        self._stack = AsyncExitStack()
        self._announcements: Announcements
        self._stores: Stores
        self._pipeline: Pipeline
        self._head_at_open: Position = 0
        self._is_running = False

    async def __aenter__(self) -> Self:
        self._announcements = Announcements(self._clock, self._config.data.dir)
        try:
            async with AsyncExitStack() as stack:
                stack.callback(self._announcements.stopped)
                self._stores = await stack.enter_async_context(self._open_stores(self._config, self._domain))
                self._head_at_open = (await self._stores.events.head()).position
                self._pipeline = Pipeline(
                    self._domain, self._config, self._clock, self._stores, self._head_at_open, self._url
                )
                await self._pipeline.start(await stack.enter_async_context(anyio.create_task_group()))
                self._announcements.started(self._pipeline.progress())
                stack.push_async_callback(self._stop)  # the first at the end; all else is closed whatever it raises
                self._stack = stack.pop_all()
        except BaseExceptionGroup as group:
            raise failure_of(group) from group
        self._is_running = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return await self._stack.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            worst = group.subgroup(FATAL)
            if worst is not None:
                raise failure_of(worst) from group
            _, others = group.split(lambda each: each is error)
            if others is not None:
                raise
            return False  # the block's own error passes through as it is
        finally:
            self._is_running = False

    async def _stop(self) -> None:
        with CancelScope(shield=True), self._announcements.stopping(self._pipeline.progress):
            await self._pipeline.stop(self._stop_limit)

    @property
    def _at_work(self) -> Pipeline:
        if not self._is_running:
            raise NotRunning
        return self._pipeline

    @property
    def _running_stores(self) -> Stores:
        if not self._is_running:
            raise NotRunning
        return self._stores
