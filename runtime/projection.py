"""Registering a projection: tables of the read database, and the functions that fill them."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..actors.domain import EventMeta, ProjectionHandler
from ..stores.records import ProjectionSchema, Statement
from .decider import check_wire_name
from .signatures import RegistrationError, parameters_of, require_members, where

__all__ = ["Projection"]

F = TypeVar("F", bound=Callable[..., Iterable[Statement] | None])


class Projection:
    """Tables, and one function for each event that changes them."""

    def __init__(self, schema: ProjectionSchema, events: Mapping[str, type]) -> None:
        check_wire_name(schema.name)
        self.schema = schema
        self.tables = _tables_of(schema)
        self.handlers: dict[type, ProjectionHandler] = {}
        self._events = events

    def on(self, function: F) -> F:
        """Register the function `(event, meta) -> statements` for the events that its annotation names.

        It is run again whenever the read database is rebuilt, so it touches nothing but what it returns.

        Raises:
            RegistrationError: its annotations do not fit, or an event has its function already.
        """
        parameters = parameters_of(function, 2, "a projection's function")
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


def _tables_of(schema: ProjectionSchema) -> set[str]:
    """Return the names of the tables that `schema` makes, having tried it."""
    scratch: Any = sqlite3.connect(":memory:")
    try:
        scratch.executescript(schema.schema)
        names = {row[0] for row in scratch.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        raise RegistrationError(f"SQLite refuses the schema of the projection {schema.name}: {error}.") from error
    finally:
        scratch.close()
    if not names:
        raise RegistrationError(f"The schema of the projection {schema.name} makes no table.")
    reserved = sorted(name for name in names if name.startswith("twofold_"))
    if reserved:
        raise RegistrationError(f"The projection {schema.name} cannot have {reserved[0]}: twofold_ is Twofold's own.")
    return names - {"sqlite_sequence", "sqlite_stat1"}
