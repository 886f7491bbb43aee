"""The records that cross the seams between the stores and everything above them.

Offsets count commands in one partition of the log, positions count events in the whole store, and versions count
events in one stream. All three start at 1, without gaps, so that 0 reads as "nothing yet" in every cursor.
Times are whole microseconds since the Unix epoch, UTC.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

__all__ = [
    "GENESIS",
    "ClaimChange",
    "CommandRecord",
    "Commit",
    "EventRecord",
    "Fault",
    "Head",
    "LoggedCommand",
    "Offset",
    "Outcome",
    "OutcomeStatus",
    "Position",
    "ProjectionSchema",
    "StateRecord",
    "Statement",
    "StreamId",
    "Version",
    "check_bindable",
    "split_stream",
    "stream_id",
]

Offset: TypeAlias = int
Position: TypeAlias = int
Version: TypeAlias = int
StreamId: TypeAlias = str
"""A category and a key joined by the first hyphen: ``order-536365``. A category holds no hyphen; a key may."""

OutcomeStatus: TypeAlias = Literal["handled", "rejected", "conflict", "failed"]


def stream_id(category: str, key: str) -> StreamId:
    """Return the stream that holds the events of `key` in `category`."""
    return f"{category}-{key}"


def split_stream(stream: StreamId) -> tuple[str, str]:
    """Return the category and the key of `stream`; the key is empty where there is no hyphen."""
    category, _, key = stream.partition("-")
    return category, key


class Fault(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a command: a stable code, the place in the command, and the facts."""

    code: str
    path: str = ""
    message: str = ""
    facts: dict[str, str | int | float | bool | None] = {}


class CommandRecord(Struct, frozen=True, array_like=True, gc=False):
    """A command as the log keeps it: admitted, keyed by its stream, not yet handled."""

    command_id: str
    type: str
    stream: StreamId
    data: bytes
    """The command as JSON, encoded anew from what was decoded."""
    digest: bytes
    """Equal for commands that are equal after decoding: what "the same command" means."""
    time: int
    expected_version: Version | None = None
    principal: str | None = None
    correlation_id: str | None = None


class LoggedCommand(Struct, frozen=True, gc=False):
    """A command and the offset at which the log keeps it."""

    offset: Offset
    command: CommandRecord


class EventRecord(Struct, frozen=True, gc=False):
    """An event as the write database keeps it."""

    position: Position
    stream: StreamId
    version: Version
    type: str
    schema_version: int
    data: str | None
    """JSON; ``None`` once erased, which leaves a chain that still verifies."""
    metadata: str
    """JSON: the id and the offset of the command, and who sent it in which conversation."""
    time: int
    digest: bytes
    """SHA-256 of `data` as it was written."""
    hash: bytes
    """SHA-256 over the hash of the event before, the envelope and `digest` (see `chain`)."""


class Head(Struct, frozen=True, gc=False):
    """Where the store's history ends: the newest position and its hash."""

    position: Position
    hash: bytes


GENESIS = Head(0, bytes(32))
"""The head of an empty store."""


class StateRecord(Struct, frozen=True, gc=False):
    """The current state of a stream: its events folded, with the fingerprint of the code that folded them."""

    stream: StreamId
    version: Version
    fingerprint: str
    """Names the state's type and the decider's version: where it differs, the state is folded from the events anew."""
    data: str


class Outcome(Struct, frozen=True, gc=False):
    """What became of a command, kept under its id so that the same id gets the same answer."""

    command_id: str
    offset: Offset
    digest: bytes
    status: OutcomeStatus
    stream: StreamId
    version: Version
    """The stream's version after the command."""
    events: int
    """How many events the command made; they stand at the positions up to and including `position`."""
    position: Position
    """The position of its last event, or 0 where it made none."""
    time: int
    faults: tuple[Fault, ...] = ()


class ClaimChange(Struct, frozen=True, gc=False):
    """A unique value that a stream takes or releases together with its events."""

    name: str
    value: str
    stream: StreamId
    taken: bool


class Commit(Struct, frozen=True):
    """All that one batch of commands changes in the write database, in one transaction or not at all."""

    events: Sequence[EventRecord]
    states: Sequence[StateRecord]
    outcomes: Sequence[Outcome]
    claims: Sequence[ClaimChange]
    cursor_before: Offset
    cursor_after: Offset
    partition: int = 0


class Statement(NamedTuple):
    """One SQL statement of a projection, with its bound parameters."""

    sql: str
    parameters: tuple[str | int | float | bytes | None, ...]


_SQL_TYPES = (str, int, float, bytes, type(None))
_EXACT_SQL_TYPES = frozenset(_SQL_TYPES)


def check_bindable(parameters: Sequence[object]) -> None:
    """Refuse a parameter of another type than those that SQLite knows, some of which Python's module would guess at.

    Raises:
        TypeError: there is one; the message names its number and its type.
    """
    if _EXACT_SQL_TYPES.issuperset(map(type, parameters)):
        return
    for number, parameter in enumerate(parameters, 1):
        if not isinstance(parameter, _SQL_TYPES):
            raise TypeError(
                f"parameter {number} is a {type(parameter).__name__}, and SQLite knows text, numbers, bytes and None. "
                "Give its .isoformat() or its microseconds where it is a time, and text otherwise"
            )


class ProjectionSchema(Struct, frozen=True):
    """The tables of one projection; where its version or its SQL changes, the read database is built anew."""

    name: str
    version: int
    schema: str
    """``CREATE TABLE ...; CREATE INDEX ...``: run once, in an empty database that it shares with other projections."""
