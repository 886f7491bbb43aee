"""What a user's functions say of themselves: the annotations of their parameters, read once, at registration.

Annotations are the subscription, so each must name types that are registered; a mistake is told with the function's
name and file, before anything runs.
"""

import inspect
import types
import typing
from collections.abc import Callable, Collection
from typing import Any

from ..stores.errors import TwofoldError

__all__ = ["RegistrationError", "members", "parameters_of", "require_members", "where"]


class RegistrationError(TwofoldError):
    """Something that was registered cannot work: what, where, and how to mend it."""


def where(function: Callable[..., Any]) -> str:
    """Return a function's name with its file and line."""
    code = inspect.unwrap(function).__code__
    return f"{function.__qualname__} ({code.co_filename}:{code.co_firstlineno})"


def parameters_of(function: Callable[..., Any], least: int, what: str) -> list[tuple[inspect.Parameter, Any]]:
    """Return the parameters of `function`, each with the type that its annotation stands for.

    Raises:
        RegistrationError: there are fewer than `least`, or one has no annotation, or one that cannot be resolved.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise RegistrationError(f"{where(function)}: {error}. Define or import it above the function.") from error
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in hints:
            raise RegistrationError(f"{where(function)}: the parameter {parameter.name!r} has no annotation.")
        found.append((parameter, hints[parameter.name]))
    if len(found) < least:
        raise RegistrationError(
            f"{where(function)}: {what} takes at least {least} parameters, this takes {len(found)}."
        )
    return found


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def require_members(
    function: Callable[..., Any], annotation: Any, registered: Collection[type], what: str, *, all_of_them: bool = False
) -> tuple[type, ...]:
    """Return the types that `annotation` names, each of which must be among `registered`.

    Raises:
        RegistrationError: one is not, or, where `all_of_them` must be there, one is missing.
    """
    found = members(annotation)
    for member in found:
        if member not in registered:
            name = getattr(member, "__name__", str(member))
            known = ", ".join(sorted(cls.__name__ for cls in registered)) or "none yet"
            raise RegistrationError(
                f"{where(function)}: {name} is no registered {what} (known: {known}). "
                "Register it with its decider first."
            )
    missing = [cls.__name__ for cls in registered if cls not in found] if all_of_them else []
    if missing:
        raise RegistrationError(
            f"{where(function)}: the {what} {', '.join(missing)} is not handled. Add it to the union."
        )
    return found
