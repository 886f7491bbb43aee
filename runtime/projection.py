"""Registering a projection: tables of the read database, and the functions that fill them."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..actors.definitions import ProjectionHandler
from ..actors.domain import EventMeta
from ..stores.records import ProjectionSchema, Statement
from .decider import check_wire_name
from .signatures import RegistrationError, parameters_of, refuse_async, require_members, where

__all__ = ["Projection"]

F = TypeVar("F", bound=Callable[..., Iterable[Statement] | None])


class Projection:
    """Tables, and one function for each event that changes them."""

    def __init__(self, schema: ProjectionSchema, events: Mapping[str, type]) -> None:
        check_wire_name(schema.name)
        self.schema = schema
        self.names = _names_made_by(schema)
        """What its schema makes: tables, indexes, views, triggers; to SQLite the case of a name is all the same."""
        self.handlers: dict[type, ProjectionHandler] = {}
        self._events = events

    def on(self, function: F) -> F:
        """Register the function `(event, meta) -> statements` for the events that its annotation names.

        It is run again whenever the read database is rebuilt, so it touches nothing but what it returns.

        Raises:
            RegistrationError: its annotations do not fit, or an event has its function already.
        """
        refuse_async(function, "a projection's function")
        parameters = parameters_of(function, "a projection's function", least=2, most=2)
        if parameters[1][1] is not EventMeta:
            raise RegistrationError(f"{where(function)}: the second parameter is `meta: EventMeta`.")
        for event in require_members(function, parameters[0][1], self._events.values(), "event"):
            if event in self.handlers:
                raise RegistrationError(
                    f"{where(function)}: {self.schema.name} has a function for {event.__name__} already: "
                    f"{where(self.handlers[event])}."
                )
            self.handlers[event] = function
        return function


def _names_made_by(schema: ProjectionSchema) -> set[str]:
    """Return the names of what `schema` makes, having tried it as the read database will run it."""
    scratch: Any = sqlite3.connect(":memory:", isolation_level=None)
    try:
        scratch.executescript(f"BEGIN IMMEDIATE;\n{schema.schema}\n;COMMIT;")
        made = {name.lower(): kind for name, kind in scratch.execute("SELECT name, type FROM sqlite_master")}
    except (sqlite3.Error, ValueError) as error:
        raise RegistrationError(f"SQLite refuses the schema of the projection {schema.name}: {error}.") from error
    finally:
        scratch.close()
    if "table" not in made.values():
        raise RegistrationError(f"The schema of the projection {schema.name} makes no table.")
    reserved = sorted(name for name in made if name.startswith("twofold_"))
    if reserved:
        raise RegistrationError(f"The projection {schema.name} cannot have {reserved[0]}: twofold_ is Twofold's own.")
    return {name for name in made if not name.startswith("sqlite_")}
