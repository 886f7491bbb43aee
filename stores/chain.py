"""The chain of hashes through the events, in which every edit of the history shows.

The hash of an event is SHA-256 over, in this order:

======================  =====================================================================================
32 bytes                the hash of the event before, or zeros
3 x 8 bytes             position, version and time, signed, big endian
8 bytes                 the schema version, the same
3 x 8 bytes             the lengths in bytes of stream, type and metadata, the same
n bytes                 stream, type and metadata as UTF-8, one behind the other
32 bytes                the digest: SHA-256 over the data as UTF-8
======================  =====================================================================================

Every part has a fixed or a stated length, so no two events encode alike. The data counts through its digest alone:
data that is erased leaves a chain that still verifies.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from struct import Struct as Layout

from msgspec import Struct

from .records import EventRecord, Head

__all__ = ["BrokenLink", "data_digest", "event_hash", "seal", "verify"]

ENVELOPE = Layout(">32s7q")
pack_envelope = ENVELOPE.pack


class BrokenLink(Struct, frozen=True):
    """One event at which the chain does not hold, and why."""

    position: int
    what: str


def data_digest(data: str) -> bytes:
    """Return the digest of the data of an event."""
    return sha256(data.encode()).digest()


def event_hash(
    before: bytes,
    *,
    position: int,
    stream: str,
    version: int,
    event_type: str,
    schema_version: int,
    metadata: str,
    time: int,
    digest: bytes,
) -> bytes:
    """Return the hash of the event that follows the one whose hash is `before`."""
    s, t, m = stream.encode(), event_type.encode(), metadata.encode()
    head = pack_envelope(before, position, version, time, schema_version, len(s), len(t), len(m))
    return sha256(b"".join((head, s, t, m, digest))).digest()


def seal(
    head: Head, stream: str, version: int, event_type: str, schema_version: int, data: str, metadata: str, time: int
) -> EventRecord:
    """Return the event that follows `head`, with its position, digest and hash."""
    position = head.position + 1
    digest = data_digest(data)
    link = event_hash(
        head.hash,
        position=position,
        stream=stream,
        version=version,
        event_type=event_type,
        schema_version=schema_version,
        metadata=metadata,
        time=time,
        digest=digest,
    )
    return EventRecord(position, stream, version, event_type, schema_version, data, metadata, time, digest, link)


def verify(events: Iterable[EventRecord], head: Head) -> Iterator[BrokenLink]:
    """Yield each place where `events` do not follow `head` and one another as they were sealed.

    One edited event yields one fault: behind it the chain goes on from the hash that the event carries.
    """
    position, before = head.position, head.hash
    for event in events:
        if event.position != position + 1:
            yield BrokenLink(event.position, f"it follows position {position}, so events are missing or doubled")
        if event.data is not None and data_digest(event.data) != event.digest:
            yield BrokenLink(event.position, "its data is not what was written")
        expected = event_hash(
            before,
            position=event.position,
            stream=event.stream,
            version=event.version,
            event_type=event.type,
            schema_version=event.schema_version,
            metadata=event.metadata,
            time=event.time,
            digest=event.digest,
        )
        if event.hash != expected:
            yield BrokenLink(event.position, "its hash does not follow from the event before and its own envelope")
        position, before = event.position, event.hash
