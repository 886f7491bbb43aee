"""What domain code is made of: the values that a user's functions take and return.

Nothing here knows how a command travels or where it is kept.
"""

import hashlib
import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from ..stores.errors import TwofoldError
from ..stores.records import (
    EventRecord,
    Fault,
    LoggedCommand,
    Offset,
    Position,
    Statement,
    StreamId,
    Version,
    check_bindable,
    split_stream,
)

__all__ = [
    "Answer",
    "Ask",
    "Claim",
    "Context",
    "EventMeta",
    "EventMetadata",
    "Reject",
    "moment",
    "read_metadata",
    "sql",
    "storable_text",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reject(TwofoldError):
    """A rule says no to a command. Validators yield it, one for each fault; `decide` raises it.

    `code` is stable and for programs, `path` leads to the place in the command, the rest are the facts of the case.
    """

    def __init__(
        self, code: str, *, path: str = "", message: str = "", **facts: str | int | float | bool | None
    ) -> None:
        for name, text in (("code", code), ("path", path), ("message", message)):
            if not isinstance(text, str):
                raise TypeError(f"the {name} of a Reject is a str, not {text!r}")
        told = {name: _fact(value) for name, value in facts.items()}
        self.fault = Fault(storable_text(code), storable_text(path), storable_text(message), told)
        super().__init__(message or code)


def _fact(value: object) -> str | int | float | bool | None:
    match value:
        case None | bool():
            return value
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
    return storable_text(str(value))


def storable_text(text: str) -> str:
    """Return `text` as UTF-8 can hold it: what is told of a fault must not become one."""
    return text.encode(errors="backslashreplace").decode()


class Claim(Struct, frozen=True):
    """A value that only one stream at a time may hold, such as an e-mail address; `decide` returns it with events."""

    name: str
    value: str
    taken: bool

    @staticmethod
    def take(name: str, value: str) -> "Claim":
        """Claim `value` for the command's stream; the command is rejected where another stream holds it."""
        return Claim(name, value, taken=True)

    @staticmethod
    def release(name: str, value: str) -> "Claim":
        """Give up `value`, which the command's stream holds."""
        return Claim(name, value, taken=False)


class Context:
    """What `decide` may know beside the state and the command, all of it from the command's log record, on demand.

    A command that is handled again sees the same time and makes the same ids.
    """

    __slots__ = ("_logged", "_made", "version")

    def __init__(self, logged: LoggedCommand, version: Version) -> None:
        self._logged = logged
        self._made = 0
        self.version = version
        """The version of the stream that the state stands for."""

    @property
    def command_id(self) -> str:
        """The id of the command."""
        return self._logged.command.command_id

    @property
    def offset(self) -> Offset:
        """The offset at which the log keeps the command."""
        return self._logged.offset

    @property
    def stream(self) -> StreamId:
        """Its stream: category and key."""
        return self._logged.command.stream

    @property
    def key(self) -> str:
        """The key of its stream."""
        return split_stream(self._logged.command.stream)[1]

    @property
    def principal(self) -> str | None:
        """Who sent the command, where that is known."""
        return self._logged.command.principal

    @property
    def correlation_id(self) -> str | None:
        """The conversation that the command belongs to, where there is one."""
        return self._logged.command.correlation_id

    @property
    def time(self) -> datetime:
        """When the command was logged, in UTC."""
        return moment(self._logged.command.time)

    def new_id(self) -> UUID:
        """Return a new id, the same one whenever this command is handled."""
        self._made += 1
        name = f"{self.offset}/{self.command_id}/{self._made}".encode()
        # Version 8 of RFC 9562 is the one for ids made in a way of one's own.
        return UUID(bytes=_as_version_8(hashlib.sha256(name).digest()[:16]))


def _as_version_8(raw: bytes) -> bytes:
    marked = bytearray(raw)
    marked[6] = 0x80 | marked[6] & 0x0F
    marked[8] = 0x80 | marked[8] & 0x3F
    return bytes(marked)


class EventMetadata(Struct, frozen=True, omit_defaults=True):
    """What is stored beside an event: which command made it, and who sent that in which conversation."""

    command_id: str
    offset: Offset
    principal: str | None = None
    correlation_id: str | None = None


read_metadata = msgspec.json.Decoder(EventMetadata).decode
"""Returns the metadata that is stored as a text, or raises a ``MsgspecError``."""


class EventMeta:
    """What a projection or an effect may know of an event beside the event itself, read on demand: most ask little."""

    __slots__ = ("_metadata", "_record", "effect_id")

    def __init__(self, record: EventRecord, effect_id: str = "") -> None:
        self._record = record
        self.effect_id = effect_id
        """The same at every attempt, for a consumer of your own to hand on; empty for a projection."""
        self._metadata: EventMetadata | None = None

    @property
    def position(self) -> Position:
        """Its position in the whole store."""
        return self._record.position

    @property
    def stream(self) -> StreamId:
        """Its stream: category and key."""
        return self._record.stream

    @property
    def category(self) -> str:
        """The category of its stream: the decider's name."""
        return self._record.stream.partition("-")[0]

    @property
    def key(self) -> str:
        """The key of its stream."""
        return self._record.stream.partition("-")[2]

    @property
    def version(self) -> Version:
        """Its version in its stream."""
        return self._record.version

    @property
    def type(self) -> str:
        """Its wire name."""
        return self._record.type

    @property
    def time(self) -> datetime:
        """When its command was logged, in UTC."""
        return moment(self._record.time)

    @property
    def command_id(self) -> str:
        """The id of the command that made it."""
        return self._decoded.command_id

    @property
    def offset(self) -> Offset:
        """The offset of the command that made it."""
        return self._decoded.offset

    @property
    def principal(self) -> str | None:
        """Who sent the command, where that is known."""
        return self._decoded.principal

    @property
    def correlation_id(self) -> str | None:
        """The conversation that the command belongs to, where there is one."""
        return self._decoded.correlation_id

    @property
    def _decoded(self) -> EventMetadata:
        if self._metadata is None:
            self._metadata = read_metadata(self._record.metadata)
        return self._metadata


@lru_cache(maxsize=64)  # the commands of a batch are of one time, and so are their events
def moment(microseconds: int) -> datetime:
    """Return the time that lies `microseconds` after the Unix epoch, in UTC, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def sql(statement: str, *parameters: str | int | float | bytes | None) -> Statement:
    """Return a statement for the read database, its parameters bound and never pasted in.

    Raises:
        TypeError: a parameter is none of these types; a time, say.
    """
    check_bindable(parameters)
    return Statement(statement, parameters)


class Answer(Struct, frozen=True):
    """What a query returned, and the position of the read database that it speaks of."""

    value: Any
    position: Position
    projector_halted: str | None = None
    """Why the read database stands still at that position, where it does: a projection failed."""


class Ask(Protocol):
    """How a validator asks the read side, which may lag: `answer = await ask("shop.order", id="536365")`."""

    async def __call__(self, name: str, /, **parameters: object) -> Answer:
        """Run the query `name` and return its answer."""
