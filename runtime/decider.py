"""Registering a decider: one kind of stream with its commands, its events, and the two pure functions between them."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct, inspect

from ..actors.codec import Codec
from ..actors.definitions import DeciderDefinition, EventDefinition
from ..actors.domain import Context
from ..actors.immutable import mutable_part
from .signatures import RegistrationError, parameters_of, refuse_async, require_members, where

__all__ = ["Decider", "check_wire_name"]

S = TypeVar("S", bound=Struct)
F = TypeVar("F", bound=Callable[..., Any])

_CATEGORY = re.compile(r"[a-z][a-z0-9_]*")
_WIRE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class Decider(Generic[S]):
    """The rules of one kind of stream: `decide` and `evolve` are given as decorated functions."""

    def __init__(
        self,
        category: str,
        state: type[S],
        *,
        version: int,
        key: str | Mapping[type, str],
        commands: Mapping[str, type],
        events: Mapping[str, type],
    ) -> None:
        if not _CATEGORY.fullmatch(category):
            raise RegistrationError(
                f"A decider cannot be called {category!r}: its name is the category of its streams, "
                "lower-case letters, digits and underscores, without a hyphen."
            )
        self.category = category
        self.commands = dict(commands)
        self.events = dict(events)
        self._state = state
        self._version = version
        self._decide: Callable[..., Any] | None = None
        self._evolve: Callable[..., Any] | None = None
        for name, type_ in (*commands.items(), *events.items()):
            check_wire_name(name)
            _check_struct(f"{category}: {name}", type_)
        self._refuse_twice([*commands.values(), *events.values()])
        _check_struct(f"{category}: the state", state)
        mutable = mutable_part(state)
        if mutable is not None:
            raise RegistrationError(
                f"The state of {category} is mutable at {mutable}. Use tuples, frozensets and frozen Structs, "
                "so that a state in memory stays what was stored."
            )
        try:
            state()
        except Exception as error:
            raise RegistrationError(
                f"{state.__name__} has no initial value: {error}. Give each field a default."
            ) from error
        self.keys = {type_: self._key_of(type_, key) for type_ in commands.values()}

    def decide(self, function: F) -> F:
        """Register the pure function `(state, command, context) -> events and claims`, which raises `Reject`."""
        refuse_async(function, "decide")
        parameters = parameters_of(function, "decide", least=3, most=3)
        self._check_state(function, parameters[0][1])
        require_members(function, parameters[1][1], self.commands.values(), "command", all_of_them=True)
        if parameters[2][1] is not Context:
            raise RegistrationError(f"{where(function)}: the third parameter of decide is a Context.")
        self._once(self._decide, function, "decide")
        self._decide = function
        return function

    def evolve(self, function: F) -> F:
        """Register the pure function `(state, event) -> state`, which never raises."""
        refuse_async(function, "evolve")
        parameters = parameters_of(function, "evolve", least=2, most=2)
        self._check_state(function, parameters[0][1])
        require_members(function, parameters[1][1], self.events.values(), "event", all_of_them=True)
        self._once(self._evolve, function, "evolve")
        self._evolve = function
        return function

    def definition(self) -> DeciderDefinition:
        """Return the decider complete.

        Raises:
            RegistrationError: `decide` or `evolve` was not given.
        """
        if self._decide is None or self._evolve is None:
            missing = "decide" if self._decide is None else "evolve"
            raise RegistrationError(f"The decider {self.category} has no {missing}. Register it with @….{missing}.")
        return DeciderDefinition(
            self.category,
            self._version,
            self._state,
            Codec(f"state of {self.category}", self._state),
            _fingerprint(self._state, self._version),
            self._decide,
            self._evolve,
            {type_: EventDefinition(name, type_, Codec(name, type_)) for name, type_ in self.events.items()},
        )

    def _key_of(self, command: type, key: str | Mapping[type, str]) -> str:
        name = key if isinstance(key, str) else key.get(command, "")
        field = next((f for f in msgspec.structs.fields(command) if f.name == name), None)
        if field is None:
            raise RegistrationError(
                f"{self.category}: {command.__name__} has no field {name!r} for the key of its stream. "
                "Name it with key={Type: field}."
            )
        info = inspect.type_info(field.type)
        if isinstance(info, inspect.Metadata):
            info = info.type
        if not isinstance(info, inspect.StrType):
            raise RegistrationError(f"{self.category}: the key {command.__name__}.{name} is no str, but {field.type}.")
        return name

    def _refuse_twice(self, types: Sequence[type]) -> None:
        for index, type_ in enumerate(types):
            if type_ in types[:index]:
                raise RegistrationError(
                    f"{self.category}: {type_.__name__} stands there twice. A type has one wire name, "
                    "and is a command or an event."
                )

    def _check_state(self, function: Callable[..., Any], annotation: Any) -> None:
        if annotation is not self._state:
            raise RegistrationError(f"{where(function)}: the first parameter is the state, {self._state.__name__}.")

    def _once(self, before: Callable[..., Any] | None, function: Callable[..., Any], what: str) -> None:
        if before is not None:
            raise RegistrationError(f"{where(function)}: {self.category} has its {what} already: {where(before)}.")


def check_wire_name(name: str) -> None:
    """Refuse a name that would be awkward in a URL, a log or a key."""
    if not _WIRE_NAME.fullmatch(name):
        raise RegistrationError(f"{name!r} is no name: use letters, digits, dots, hyphens and underscores.")


def _check_struct(what: str, type_: Any) -> None:
    name = getattr(type_, "__name__", str(type_))
    if not (isinstance(type_, type) and issubclass(type_, Struct)):
        raise RegistrationError(f"{what} is {name}, which is no msgspec.Struct. Make it one, with frozen=True.")
    if not type_.__struct_config__.frozen:
        raise RegistrationError(f"{what} is {name}, which is not frozen. Give the Struct frozen=True.")
    try:
        msgspec.json.Decoder(type_)
        inspect.type_info(type_)
    except TypeError as error:
        raise RegistrationError(f"{what}: {name} has no schema: {error}.") from error


def _fingerprint(state: type, version: int) -> str:
    """Name the code that folds a state: the decider's version and the state's schema."""
    schema = msgspec.json.encode(msgspec.json.schema(state), order="sorted")
    return f"{version}:{hashlib.sha256(schema).hexdigest()[:16]}"
