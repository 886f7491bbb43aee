"""The shop's rules for peers that bring none of their own style: the same functions that Twofold calls."""

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from twofold import Context
from twofold.actors.definitions import CommandDefinition
from twofold.stores.records import CommandRecord, LoggedCommand, StreamId, stream_id

from benchmarks.shop_mix import ShopCommand
from benchmarks.shop_without_effects import app

__all__ = ["Addressed", "Decided", "Refused", "address", "decide", "decide_many"]

CONTEXT = Context(LoggedCommand(0, CommandRecord("", "", "", b"", b"", 0)), 0)
"""The shop's rules ask nothing of it."""

domain = app.domain()
encode = msgspec.json.Encoder().encode


class Refused(Exception):
    """The shop's validators found faults; the benchmark's commands have none, so this ends the measurement."""


class Addressed(Struct, frozen=True):
    """A sound command, and the stream that it goes to."""

    command: ShopCommand
    command_id: str
    definition: CommandDefinition
    stream: StreamId


class Decided(NamedTuple):
    """An event to store and the state that it leads to, as JSON."""

    stream: StreamId
    version: int
    type: str
    data: str
    state: str
    command_id: str


def address(command: ShopCommand, command_id: str) -> Addressed:
    """Validate a command, and say where it goes.

    Raises:
        Refused: it has faults.
    """
    definition = domain.commands_by_type[type(command)]
    for validator in definition.validators:
        if faults := list(validator.call(command)):
            raise Refused(f"{command_id}: {faults}")
    stream = stream_id(definition.decider.category, getattr(command, definition.key))
    return Addressed(command, command_id, definition, stream)


def decide(to: Addressed, version: int, state: str | None) -> Decided | None:
    """Decide on the stored state, at `version` of the stream; nothing follows if it has that price already."""
    decided = _decide(to, version, _stored(to, state))
    return None if decided is None else decided[0]


def decide_many(group: list[Addressed], stored: dict[StreamId, tuple[int, str]]) -> list[Decided]:
    """Decide a group in order, each command on what those before it led to."""
    states: dict[StreamId, tuple[int, Any]] = {}
    decided = []
    for to in group:
        if to.stream not in states:
            version, text = stored.get(to.stream, (0, None))
            states[to.stream] = version, _stored(to, text)
        if (one := _decide(to, *states[to.stream])) is not None:
            event, state = one
            states[to.stream] = event.version, state
            decided.append(event)
    return decided


def _stored(to: Addressed, state: str | None) -> Any:
    decider = to.definition.decider
    return decider.initial() if state is None else msgspec.json.decode(state, type=type(decider.initial()))


def _decide(to: Addressed, version: int, state: Any) -> tuple[Decided, Any] | None:
    decider = to.definition.decider
    events = decider.decide(state, to.command, CONTEXT)
    if not events:
        return None
    (event,) = events  # a command of the mix leads to one at most
    state = decider.evolve(state, event)
    name, data = decider.events[type(event)].name, encode(event).decode()
    return Decided(to.stream, version + 1, name, data, encode(state).decode(), to.command_id), state
