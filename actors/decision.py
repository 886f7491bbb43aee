"""What one command does to one stream: the pure middle of the command handler.

Everything that `decide` and `evolve` see is as it comes back from what is stored, so that a decision comes out the
same when it is made again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from ..stores.errors import TwofoldError
from ..stores.records import EventRecord, LoggedCommand, StateRecord, StreamId, Version
from .definitions import CommandDefinition, DeciderDefinition, EventDefinition
from .domain import Claim, Context, EventMetadata
from .kernel.words import words_of

__all__ = [
    "LONGEST_CLAIM",
    "DecidedEvent",
    "Decision",
    "DomainFault",
    "Loaded",
    "UnreadableStream",
    "decide",
    "fold",
    "load",
    "read_event",
    "save",
]

LONGEST_CLAIM = 1000
"""The most characters of a claim's name, and of its value."""

_REGISTER = "Register the event as it was when it was stored."
_MEND_EVOLVE = "Mend evolve, which never raises."


class DomainFault(TwofoldError):
    """A rule did something that rules must not do: it has a bug, and the command's outcome is `failed`."""


class UnreadableStream(DomainFault):
    """An event of a stream does not decode, or its decider cannot go on from it."""

    def __init__(self, record: EventRecord, what: str, next_step: str) -> None:
        self.stream, self.version, self.type = record.stream, record.version, record.type
        super().__init__(
            f"{record.stream} cannot be read: its event at version {record.version} ({record.type}) {what}. {next_step}"
        )


class Loaded(Struct, frozen=True, gc=False):
    """A stream as the handler sees it: its version, and the state that its events fold into."""

    version: Version
    state: Any


class DecidedEvent(Struct, frozen=True, gc=False):
    """An event that was decided and is not stored yet."""

    definition: EventDefinition
    data: str
    event: Any
    """The event as it comes back from `data`."""


class Decision(Struct, frozen=True):
    """What `decide` said yes to."""

    events: Sequence[DecidedEvent]
    claims: Sequence[Claim]
    after: Loaded
    """The stream with the events folded in."""


_encode_metadata = msgspec.json.Encoder().encode


def decide(
    definition: CommandDefinition, logged: LoggedCommand, loaded: Loaded, decoded: Any | None = None
) -> Decision:
    """Let the decider decide on a logged command over the state that it left.

    `decoded` is the command as it comes back from the log, where somebody has it already.

    Raises:
        Reject: a rule said no.
        Exception: anything else is the command's failure.
    """
    record = logged.command
    decider = definition.decider
    command = definition.codec.decode(record.data) if decoded is None else decoded
    said = decider.decide(loaded.state, command, Context(logged, loaded.version))
    events: list[DecidedEvent] = []
    claims: list[Claim] = []
    state = loaded.state
    if said is None:
        said = ()
    elif not isinstance(said, (list, Iterable)):  # the list first: an abstract class takes its time to answer
        raise DomainFault(f"decide of {decider.category} returned {said!r}; it returns events and claims, in a list")
    for item in said:
        if isinstance(item, Claim):
            claims.append(_checked(item))
            continue
        event_definition = decider.events.get(type(item))
        if event_definition is None:
            raise DomainFault(f"decide of {decider.category} returned {item!r}, which is no event of this decider")
        try:
            event, data = event_definition.codec.again(item)
        except msgspec.ValidationError as error:
            what = f"decide of {decider.category} made an event {event_definition.name} that does not fit its type"
            raise DomainFault(f"{what}: {error}") from error
        state = _evolve(decider, state, event)
        events.append(DecidedEvent(event_definition, data.decode(), event))
    return Decision(events, claims, Loaded(loaded.version + len(events), state))


def _checked(claim: Claim) -> Claim:
    texts: tuple[object, object] = claim.name, claim.value
    for text in texts:
        if not (isinstance(text, str) and 0 < len(text) <= LONGEST_CLAIM and text.isprintable()):
            raise DomainFault(f"a claim is of two printable texts of up to {LONGEST_CLAIM} characters, not {claim!r}")
    return claim


def _evolve(decider: DeciderDefinition, state: Any, event: Any) -> Any:
    after = decider.evolve(state, event)
    if type(after) is not decider.state.type:
        raise DomainFault(f"evolve of {decider.category} returned {after!r}, which is no {decider.state.type.__name__}")
    return after


def metadata_of(logged: LoggedCommand) -> str:
    """Return the JSON that is kept beside each event of a command."""
    command = logged.command
    return _encode_metadata(
        EventMetadata(command.command_id, logged.offset, command.principal, command.correlation_id)
    ).decode()


def fold(decider: DeciderDefinition, events: Sequence[EventRecord], loaded: Loaded) -> Loaded:
    """Return the stream after `events`, which follow it without a gap, its state as it comes back from storage.

    Raises:
        UnreadableStream: an event does not decode, or `evolve` raises at it or makes no state of it.
    """
    if not events:
        return loaded
    by_name = {definition.name: definition for definition in decider.events.values()}
    state = loaded.state
    for record in events:
        definition = by_name.get(record.type)
        if definition is None:
            raise UnreadableStream(record, "is of a type that its decider does not know", _REGISTER)
        if record.data is None:
            raise UnreadableStream(record, "was erased", "There is no state past it.")
        event = read_event(definition, record, record.data)
        try:
            state = _evolve(decider, state, event)
        except Exception as error:
            raise UnreadableStream(record, f"makes evolve raise {words_of(error)}", _MEND_EVOLVE) from error
    try:
        state = decider.state.again(state)[0]
    except Exception as error:
        raise UnreadableStream(
            record, f"leaves a state that cannot be kept: {words_of(error)}", _MEND_EVOLVE
        ) from error
    return Loaded(record.version, state)


def read_event(definition: EventDefinition, record: EventRecord, data: str) -> Any:
    """Return the event that `data` of `record` stands for.

    Raises:
        UnreadableStream: it does not decode.
    """
    try:
        return definition.codec.decode(data)
    except msgspec.MsgspecError as error:
        raise UnreadableStream(record, f"does not decode: {error}", _REGISTER) from error
    except Exception as error:
        raise UnreadableStream(record, f"does not decode: {words_of(error)}", _REGISTER) from error


def load(decider: DeciderDefinition, record: StateRecord | None) -> Loaded | None:
    """Return the stream that `record` keeps, or ``None`` where other code folded it, so that it must be folded anew."""
    if record is None:
        return Loaded(0, decider.initial())
    if record.fingerprint != decider.fingerprint:
        return None
    return Loaded(record.version, decider.state.decode(record.data))


def save(decider: DeciderDefinition, stream: StreamId, loaded: Loaded) -> tuple[StateRecord, Loaded]:
    """Return the record that keeps a stream's state, and the stream as it comes back from that record.

    Raises:
        Unstorable: a value in the state cannot be stored.
        DomainFault: the state would not come back, for it does not fit its own type.
    """
    try:
        state, data = decider.state.again(loaded.state)
    except msgspec.ValidationError as error:
        raise DomainFault(f"evolve of {decider.category} made a state that does not fit its type: {error}") from error
    after = loaded if state is loaded.state else Loaded(loaded.version, state)
    return StateRecord(stream, loaded.version, decider.fingerprint, data.decode()), after
