"""The seam to the runtime: what the HTTP interface asks of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ...actors.domain import Answer
from ...actors.filling import RebuildProgress
from ...actors.rebuilder import Rebuilt
from ...actors.submission import Stage
from ...actors.turns import Turns
from ...stores.effect_records import EffectRecord, EffectState
from ...stores.records import Outcome, Position, StreamId, Version
from ..effects import Resumed
from ..history import RecordedEvent, StreamState
from ..readiness import Readiness
from ..submitting import Posted

__all__ = ["Service"]


class Service(Protocol):
    """A runtime, as far as it is served; what each method does and raises stands at `Runtime`."""

    def begin(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        expected_version: Version | None = None,
        correlation_id: str | None = None,
    ) -> Posted:
        """Hand a command over at once, and return before it is answered."""

    async def post(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        correlation_id: str | None = None,
        turns: Turns | None = None,
    ) -> Posted:
        """Hand a command over, waiting for room where there is none, and return before it is answered."""

    async def outcome(self, command_id: str) -> Outcome | None:
        """Return what became of a command."""

    async def query_text(
        self,
        name: str,
        parameters: Mapping[str, str],
        *,
        min_position: Position | None = None,
        timeout: float | None = 30.0,
    ) -> Answer:
        """Run a query whose parameters are texts."""

    async def history(
        self, stream: StreamId, *, after: Version = 0, limit: int | None = None
    ) -> Sequence[RecordedEvent]:
        """Return events of a stream."""

    async def state(
        self, stream: StreamId, *, version: Version | None = None, at: datetime | None = None
    ) -> StreamState:
        """Return a stream's state."""

    async def effects(
        self,
        *,
        consumer: str | None = None,
        states: Collection[EffectState] = (),
        effect_ids: Collection[str] = (),
        limit: int = 100,
        payloads: bool = True,
    ) -> Sequence[EffectRecord]:
        """Return effects as the ledger has them."""

    async def release_effects(self, effect_ids: Sequence[str], *, again: bool) -> int:
        """Try parked effects again, or give them up."""

    async def resume_consumer(self, name: str) -> Resumed:
        """Let a paused consumer send again."""

    async def rebuild(self) -> Rebuilt:
        """Fill a new generation of the read database, and let it serve."""

    async def rebuild_back(self) -> Rebuilt:
        """Let the generation that served before serve again."""

    def rebuilding(self) -> RebuildProgress | None:
        """Return how far a rebuild is."""

    def readiness(self) -> Readiness:
        """Return whether everything is at work."""
