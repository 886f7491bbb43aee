"""What a runtime says of itself in the log: that it has started, begins to stop, and has stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from msgspec import Struct, structs

from ..actors.kernel.clock import Clock
from ..stores.records import Offset, Position

__all__ = ["Announcements", "Progress"]

_log = structlog.get_logger("twofold")


class Progress(Struct, frozen=True):
    """How far the pipeline has come."""

    log_end: Offset
    handled: Offset
    head: Position
    projected: Position

    def left(self) -> dict[str, int]:
        """Return how much of each stage is still to be done."""
        return {"unhandled": self.log_end - self.handled, "unprojected": self.head - self.projected}


class Announcements:
    """One line for each of the three moments.

    An application that embeds a runtime and configures no logging hears of nothing that is in order: structlog alone
    would print it into what the application writes to standard output.
    """

    def __init__(self, clock: Clock, folder: Path) -> None:
        """Begin to count the seconds of the start."""
        self._clock, self._folder = clock, folder
        self._since = clock.monotonic()
        self._left: dict[str, int] | None = None

    def started(self, progress: Progress) -> None:
        """Say that commands and queries are taken, and how far what was found in the folder reaches."""
        if structlog.is_configured():
            _log.info("started", folder=str(self._folder), seconds=self._seconds(), **structs.asdict(progress))

    @contextmanager
    def stopping(self, progress: Callable[[], Progress]) -> Iterator[None]:
        """Say that no more is taken, and note at the end of the block what that has left."""
        self._since = self._clock.monotonic()
        if structlog.is_configured():
            _log.info("stopping", **progress().left())
        yield
        self._left = progress().left()

    def stopped(self) -> None:
        """Say that the folder is let go, and what is left for the next start."""
        if self._left is None:
            return
        if any(self._left.values()):
            then = "nothing is lost: the next start goes on from here"
            _log.warning("stopped", seconds=self._seconds(), **self._left, next=then)
        elif structlog.is_configured():
            _log.info("stopped", seconds=self._seconds(), **self._left)

    def _seconds(self) -> float:
        return round(self._clock.monotonic() - self._since, 3)
