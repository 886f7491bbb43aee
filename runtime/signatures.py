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

__all__ = ["RegistrationError", "members", "parameters_of", "refuse_async", "require_members", "where"]

_BY_POSITION = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
_BY_NAME = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY


class RegistrationError(TwofoldError):
    """Something that was registered cannot work: what, where, and how to mend it."""


def where(function: Callable[..., Any]) -> str:
    """Return a function's name with its file and line."""
    code = inspect.unwrap(function).__code__
    return f"{function.__qualname__} ({code.co_filename}:{code.co_firstlineno})"


def parameters_of(
    function: Callable[..., Any], what: str, *, least: int, most: int | None = None
) -> list[tuple[inspect.Parameter, Any]]:
    """Return the parameters of `function`, each with the type that its annotation stands for.

    Without `most`, those past the first are passed by name, as many as there are.

    Raises:
        RegistrationError: it is no plain function, there are too few of them or too many, or one has no annotation,
            one that cannot be resolved, or a form in which it is not passed.
    """
    if not inspect.isfunction(function):
        raise RegistrationError(f"{function!r} is no plain function, and {what} is one.")
    hints = _hints_of(function)
    found: list[tuple[inspect.Parameter, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        by_name = most is None and bool(found)
        if parameter.kind not in (_BY_NAME if by_name else _BY_POSITION):
            raise RegistrationError(f"{where(function)}: {what} has no parameter of the form {str(parameter)!r}.")
        if parameter.name not in hints:
            raise RegistrationError(f"{where(function)}: the parameter {parameter.name!r} has no annotation.")
        found.append((parameter, hints[parameter.name]))
    if not least <= len(found) <= (len(found) if most is None else most):
        takes = f"at least {least}" if most is None else " or ".join(map(str, range(least, most + 1)))
        raise RegistrationError(f"{where(function)}: {what} takes {takes} parameters, this takes {len(found)}.")
    return found


def refuse_async(function: Callable[..., Any], what: str) -> None:
    """Refuse an ``async def`` where the function is called, and nothing awaits what it returns."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise RegistrationError(f"{where(function)}: {what} is a plain `def`: it waits for nothing.")


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise RegistrationError(
            f"{where(function)}: an annotation cannot be read: {error}. Define or import it above the function."
        ) from error


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
