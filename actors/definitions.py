"""What a domain registered: its types and functions, complete, checked and frozen."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from ..stores.errors import TwofoldError
from ..stores.records import EventRecord, ProjectionSchema, Statement
from .codec import Codec
from .domain import Context, EventMeta
from .kernel.supervisor import Halt
from .retry import Retry

__all__ = [
    "CommandDefinition",
    "DeciderDefinition",
    "Domain",
    "EffectDefinition",
    "EffectKind",
    "EventDefinition",
    "ProjectionHandler",
    "QueryDefinition",
    "UnknownEvent",
    "ValidatorDefinition",
]


class UnknownEvent(TwofoldError, Halt):
    """The history holds an event of a type that the domain does not register: who follows it stops there."""

    def __init__(self, record: EventRecord) -> None:
        self.position, self.stream, self.type = record.position, record.stream, record.type
        super().__init__(
            f"The event at position {record.position} in {record.stream} is a {record.type!r}, which no decider "
            "registers any more. Register the type again under that name, and start again."
        )


class EventDefinition(Struct, frozen=True):
    """An event type: its wire name, its class, and how it is stored."""

    name: str
    type: type
    codec: Codec[Any]
    schema_version: int = 1


class DeciderDefinition(Struct, frozen=True):
    """The rules of one kind of stream."""

    category: str
    version: int
    initial: Callable[[], Any]
    state: Codec[Any]
    fingerprint: str
    decide: Callable[[Any, Any, Context], Sequence[Any] | None]
    evolve: Callable[[Any, Any], Any]
    events: Mapping[type, EventDefinition]


class ValidatorDefinition(Struct, frozen=True):
    """A function that looks at a command before the log: cheap, and free to ask the read side."""

    name: str
    call: Callable[..., Any]
    asks: bool
    """Whether it takes `ask` beside the command."""
    waits: bool
    """Whether it is asynchronous, so that it must not hold up the other commands of its batch."""


class CommandDefinition(Struct, frozen=True):
    """A command type: its wire name, its class, how it is stored, and where it goes."""

    name: str
    type: type
    codec: Codec[Any]
    key: str
    """The field that holds the key of its stream."""
    decider: DeciderDefinition
    validators: Sequence[ValidatorDefinition]
    waits: bool
    """Whether any of the validators does."""


EffectKind: TypeAlias = Literal["email", "purge", "call"]


class EffectDefinition(Struct, frozen=True):
    """A consumer of effects: what it does for which events, and how it goes on when that fails.

    Durations are in seconds.
    """

    name: str
    kind: EffectKind
    call: Callable[[Any, EventMeta], Any]
    """Renders an event into e-mails or purges; the user's own consumer is called to do its work itself."""
    events: frozenset[str]
    """The wire names of the events that matter to it."""
    retry: Retry
    at_most_once: bool = False
    """Whether an attempt whose end a crash left unknown is parked rather than made again."""
    by_stream: bool = True
    """Whether the effects of one stream keep their order."""
    after_projection: bool = False
    """Whether it waits until the serving read database has applied the event."""
    concurrency: int = 1
    """How many calls of its deliverer run at once."""
    rate: float | None = None
    """The most effects a second, or as many as there are."""
    window: float = 0.0
    """How long an effect waits for others, so that they go in one call."""
    timeout: float = 30.0
    """How long one call of the user's own function may take."""
    from_start: bool = False
    """Whether it begins with the first event of all, and not with those after its registration."""


ProjectionHandler: TypeAlias = Callable[[Any, EventMeta], Iterable[Statement] | None]


class QueryDefinition(Struct, frozen=True):
    """A question to the read database, with the types of its parameters and the names that it needs."""

    name: str
    call: Callable[..., Awaitable[Any]]
    parameters: type[Struct]


class Domain(Struct, frozen=True):
    """All that an application registered, complete and checked."""

    name: str
    commands: Mapping[str, CommandDefinition]
    commands_by_type: Mapping[type, CommandDefinition]
    events: Mapping[str, EventDefinition]
    deciders: Mapping[str, DeciderDefinition]
    projections: Sequence[ProjectionSchema]
    projected: Mapping[str, Sequence[tuple[int, ProjectionHandler]]]
    """By an event's wire name: who projects it, each with the index of its projection."""
    queries: Mapping[str, QueryDefinition]
    effects: Mapping[str, EffectDefinition]

    def event_of(self, record: EventRecord) -> EventDefinition:
        """Return the type of a stored event.

        Raises:
            UnknownEvent: it is not registered; to go on would be to skip it in silence.
        """
        definition = self.events.get(record.type)
        if definition is None:
            raise UnknownEvent(record)
        return definition
