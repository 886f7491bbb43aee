"""App: what a domain registers, checked as it is registered."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ..actors.codec import Codec
from ..actors.definitions import (
    CommandDefinition,
    Domain,
    EffectDefinition,
    EffectKind,
    EventDefinition,
    ProjectionHandler,
    QueryDefinition,
    ValidatorDefinition,
)
from ..actors.domain import Ask
from ..actors.quantities import read_duration
from ..actors.retry import Retry
from ..stores.protocols import ReadDb
from ..stores.records import ProjectionSchema
from .decider import Decider, check_wire_name
from .effect_registration import define_effect
from .projection import Projection
from .signatures import RegistrationError, parameters_of, require_members, where

__all__ = ["App"]

S = TypeVar("S", bound=Struct)
F = TypeVar("F", bound=Callable[..., Any])

_OF_EVERY_QUERY = "min_position", "timeout"


class App:
    """A domain: its deciders, validators, projections and queries.

    Decorators return the function unchanged. Everything is checked on the spot, and `domain` checks the whole.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._deciders: dict[str, Decider[Any]] = {}
        self._commands: dict[str, type] = {}
        self._events: dict[str, type] = {}
        self._validators: dict[type, list[ValidatorDefinition]] = {}
        self._projections: dict[str, Projection] = {}
        self._queries: dict[str, QueryDefinition] = {}
        self._effects: dict[str, EffectDefinition] = {}

    def decider(
        self,
        name: str,
        state: type[S],
        *,
        version: int = 1,
        key: str | Mapping[type, str],
        commands: Mapping[str, type],
        events: Mapping[str, type],
    ) -> Decider[S]:
        """Register a kind of stream: its state, its commands and its events, each under its wire name.

        `key` names the field of the commands that holds the stream's key. `version` is raised when `evolve` changes:
        the states kept are then folded from the events anew.

        Raises:
            RegistrationError: a name or a type is taken, or cannot serve.
        """
        self._refuse_taken("decider", name, self._deciders)
        decider = Decider(name, state, version=version, key=key, commands=commands, events=events)
        for wire_name, command in commands.items():
            self._refuse_taken("command", wire_name, self._commands)
            self._refuse_shared(command, name)
        for wire_name, event in events.items():
            self._refuse_taken("event", wire_name, self._events)
            self._refuse_shared(event, name)
        self._deciders[name] = decider
        self._commands |= commands
        self._events |= events
        return decider

    def validate(self, function: F) -> F:
        """Register a validator: it yields a `Reject` for each fault of the command that it takes.

        It may be asynchronous, and may take `ask: Ask` as well to put a query to the read side, which may lag.

        Raises:
            RegistrationError: its annotations do not fit.
        """
        parameters = parameters_of(function, "a validator", least=1, most=2)
        asks = len(parameters) == 2 and parameters[1][1] is Ask
        if len(parameters) > 1 and not asks:
            raise RegistrationError(f"{where(function)}: a validator takes a command, and perhaps `ask: Ask`.")
        waits = inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function)
        definition = ValidatorDefinition(function.__name__, function, asks, waits)
        for command in require_members(function, parameters[0][1], self._commands.values(), "command"):
            self._validators.setdefault(command, []).append(definition)
        return function

    def projection(self, name: str, *, version: int = 1, schema: str) -> Projection:
        """Register tables of the read database, made by `schema`, and return what its functions register with.

        `version` is raised when a function changes: the read database is then filled anew from the events.

        Raises:
            RegistrationError: the name is taken, or SQLite refuses the schema.
        """
        self._refuse_taken("projection", name, self._projections)
        projection = Projection(ProjectionSchema(name, version, schema), self._events)
        for other in self._projections.values():
            for taken in projection.names & other.names:
                raise RegistrationError(f"{name} cannot have {taken}: the projection {other.schema.name} has it.")
        self._projections[name] = projection
        return projection

    def query(self, name: str) -> Callable[[F], F]:
        """Register the query `name`: an async function that takes `db: ReadDb` and typed parameters.

        It may await its `db` and nothing else: it runs whole on a database thread, on one snapshot.

        Raises:
            RegistrationError: the name is taken, or the annotations do not fit.
        """
        self._refuse_taken("query", name, self._queries)
        check_wire_name(name)

        def register(function: F) -> F:
            (_, first), *others = parameters_of(function, "a query", least=1)
            for parameter, _ in others:
                if parameter.name in _OF_EVERY_QUERY:
                    raise RegistrationError(
                        f"{where(function)}: `Runtime.query` takes {parameter.name} itself. Rename the parameter."
                    )
            if first is not ReadDb or not inspect.iscoroutinefunction(function):
                raise RegistrationError(f"{where(function)}: a query is `async def`, and takes `db: ReadDb` first.")
            fields = [(p.name, type_) if p.default is p.empty else (p.name, type_, p.default) for p, type_ in others]
            try:
                parameters = msgspec.defstruct(name, fields, forbid_unknown_fields=True, frozen=True, kw_only=True)
                msgspec.json.Decoder(parameters)
            except TypeError as error:
                raise RegistrationError(f"{where(function)}: {error}.") from error
            self._queries[name] = QueryDefinition(name, function, parameters)
            return function

        return register

    def email(
        self,
        name: str,
        *,
        retry: Retry | None = None,
        at_most_once: bool = False,
        concurrency: int = 1,
        from_start: bool = False,
    ) -> Callable[[F], F]:
        """Register the consumer `name` of e-mails: a function of an event and its meta that returns an `Email`.

        It may return several, or ``None``. The mails of one stream keep their order.

        Raises:
            RegistrationError: the name is taken, or the annotations do not fit.
        """
        return self._effect(
            name, "email", retry, at_most_once=at_most_once, concurrency=concurrency, from_start=from_start
        )

    def purge(
        self, name: str, *, retry: Retry | None = None, window: str = "1s", from_start: bool = False
    ) -> Callable[[F], F]:
        """Register the consumer `name` of purges: a function of an event and its meta that returns a `Purge`.

        It is sent only after the read database has applied the event, and waits `window` for others to go with it.

        Raises:
            RegistrationError: the name is taken, or the annotations do not fit.
        """
        seconds = read_duration(window)
        return self._effect(
            name, "purge", retry, by_stream=False, after_projection=True, window=seconds, from_start=from_start
        )

    def consumer(
        self,
        name: str,
        *,
        retry: Retry | None = None,
        at_most_once: bool = False,
        ordered: bool = True,
        after_projection: bool = False,
        concurrency: int = 1,
        rate: float | None = None,
        timeout: str = "30s",
        from_start: bool = False,
    ) -> Callable[[F], F]:
        """Register a consumer of your own: an async function of an event and its meta, called until it returns.

        `meta.effect_id` is the same at every attempt. What it raises is tried again after a while; `Undeliverable`
        parks the effect. `rate` is in calls a second.

        Raises:
            RegistrationError: the name is taken, or the annotations do not fit.
        """
        return self._effect(
            name,
            "call",
            retry,
            at_most_once=at_most_once,
            by_stream=ordered,
            after_projection=after_projection,
            concurrency=concurrency,
            rate=rate,
            timeout=read_duration(timeout),
            from_start=from_start,
        )

    def domain(self) -> Domain:
        """Return all that was registered.

        Raises:
            RegistrationError: a decider lacks `decide` or `evolve`.
        """
        deciders = {name: decider.definition() for name, decider in self._deciders.items()}
        events: dict[str, EventDefinition] = {
            event.name: event for decider in deciders.values() for event in decider.events.values()
        }
        commands = {
            name: CommandDefinition(
                name,
                type_,
                Codec(name, type_),
                decider.keys[type_],
                deciders[decider.category],
                (validators := tuple(self._validators.get(type_, ()))),
                any(validator.waits for validator in validators),
            )
            for decider in self._deciders.values()
            for name, type_ in decider.commands.items()
        }
        return Domain(
            self.name,
            commands,
            {command.type: command for command in commands.values()},
            events,
            deciders,
            [projection.schema for projection in self._projections.values()],
            self._handlers(),
            dict(self._queries),
            dict(self._effects),
        )

    def _effect(self, name: str, kind: EffectKind, retry: Retry | None, **settings: Any) -> Callable[[F], F]:
        self._refuse_taken("consumer", name, self._effects)

        def register(function: F) -> F:
            self._effects[name] = define_effect(name, kind, function, self._events, retry=retry, **settings)
            return function

        return register

    def _handlers(self) -> dict[str, list[tuple[int, ProjectionHandler]]]:
        names = {type_: name for name, type_ in self._events.items()}
        handlers: dict[str, list[tuple[int, ProjectionHandler]]] = {}
        for index, projection in enumerate(self._projections.values()):
            for type_, handler in projection.handlers.items():
                handlers.setdefault(names[type_], []).append((index, handler))
        return handlers

    def _refuse_taken(self, what: str, name: object, taken: Mapping[str, object]) -> None:
        if inspect.isfunction(name):
            raise RegistrationError(f"{where(name)}: a {what} has a name, in parentheses behind its decorator.")
        if name in taken:
            raise RegistrationError(f"There is a {what} {name!r} already. Choose another name.")

    def _refuse_shared(self, type_: type, decider: str) -> None:
        for other in self._deciders.values():
            if type_ in other.commands.values() or type_ in other.events.values():
                raise RegistrationError(
                    f"{type_.__name__} belongs to the decider {other.category}, so {decider} cannot have it. "
                    "A command and an event have one decider."
                )
