"""Registering a consumer of effects: the function, the events that it names, and how it goes on when it fails."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..actors.definitions import EffectDefinition, EffectKind
from ..actors.domain import EventMeta
from ..actors.retry import Retry
from .decider import check_wire_name
from .signatures import RegistrationError, parameters_of, require_members, where

__all__ = ["define_effect"]


def define_effect(
    name: str,
    kind: EffectKind,
    function: Callable[..., Any],
    events: Mapping[str, type],
    *,
    retry: Retry | None,
    **settings: Any,
) -> EffectDefinition:
    """Return the consumer `name` that `function` makes, its annotations checked against the registered `events`.

    Raises:
        RegistrationError: the name or the annotations do not fit, or a rate or a number is none.
    """
    check_wire_name(name)
    if not isinstance(retry, Retry | None):
        raise RegistrationError(f'{where(function)}: retry is a `Retry`, such as Retry("5s"), and not {retry!r}.')
    parameters = parameters_of(function, "a consumer's function", least=2, most=2)
    if parameters[1][1] is not EventMeta:
        raise RegistrationError(f"{where(function)}: the second parameter is `meta: EventMeta`.")
    if (kind == "call") != inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        must = (
            "is `async def`: it does its work itself" if kind == "call" else f"is a plain `def` that returns its {kind}"
        )
        raise RegistrationError(f"{where(function)}: the function of {name} {must}.")
    types = require_members(function, parameters[0][1], events.values(), "event")
    names = frozenset(wire_name for wire_name, type_ in events.items() if type_ in types)
    definition = EffectDefinition(name, kind, function, names, retry or Retry(), **settings)
    if definition.concurrency < 1 or not (definition.rate is None or definition.rate > 0) or definition.timeout <= 0:
        raise RegistrationError(
            f"{where(function)}: {name} has a concurrency, a rate or a timeout with which it never sends."
        )
    return definition
