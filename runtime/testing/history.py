"""Events as if they had been stored: each with its position, its version, and the command that made it."""

from datetime import datetime

import msgspec

from ...actors.definitions import Domain
from ...actors.domain import EventMeta, EventMetadata
from ...stores.chain import seal
from ...stores.records import GENESIS, EventRecord, Head, StreamId, stream_id
from ..app import App
from .stored import as_stored, codec_of_event
from .virtual_clock import START, microseconds

__all__ = ["History", "meta_of"]


class History:
    """A history that grows event by event, made up for a test."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._head = GENESIS
        self._versions: dict[StreamId, int] = {}

    def record(
        self,
        event: object,
        *,
        key: str,
        at: datetime = START,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> EventRecord:
        """Return the record of `event` behind those before it; the command `command-N` made the one at position N.

        Raises:
            AssertionError: the event does not come back from its stored form as it was.
            TypeError: it is no event of the domain.
        """
        category, codec = codec_of_event(self.domain, event)
        data = codec.encode(as_stored(codec, event)).decode()
        stream = stream_id(category, key)
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        offset = self._head.position + 1
        metadata = msgspec.json.encode(EventMetadata(f"command-{offset}", offset, principal, correlation_id)).decode()
        record = seal(self._head, stream, version, codec.name, 1, data, metadata, microseconds(at))
        self._head = Head(record.position, record.hash)
        return record


def meta_of(
    app: App,
    event: object,
    *,
    key: str = "1",
    at: datetime = START,
    principal: str | None = None,
    correlation_id: str | None = None,
    effect_id: str = "effect-1",
) -> EventMeta:
    """Return the meta of `event` as the first event of all, to call a function of your own that takes both.

    Raises:
        AssertionError: the event does not come back from its stored form as it was.
        TypeError: it is no event of the domain.
    """
    record = History(app.domain()).record(event, key=key, at=at, principal=principal, correlation_id=correlation_id)
    return EventMeta(record, effect_id)
