"""How a submission may be called: what is wrong there is said before anything is handed over."""

from collections.abc import Iterable, Sequence
from typing import get_args

from ..actors.submission import Stage
from .wording import counted

__all__ = ["check_timeout", "check_wait", "ids_for"]

_STAGES = get_args(Stage)


def check_wait(wait: object) -> None:
    """Refuse what is no stage of a command.

    Raises:
        ValueError: it is none.
    """
    if wait not in _STAGES:
        raise ValueError(f"A command is waited for until it is {', '.join(_STAGES)}, and not until {wait!r}.")


def check_timeout(timeout: object) -> None:
    """Refuse what is neither a number of seconds nor ``None``.

    Raises:
        ValueError: it is something else.
    """
    if timeout is not None and not (isinstance(timeout, int | float) and timeout >= 0):
        raise ValueError(f"A timeout is a number of seconds, 0 or more, or None, not {timeout!r}.")


def ids_for(commands: Sequence[object], command_ids: Iterable[str | None] | None) -> Sequence[str | None]:
    """Return an id, or ``None``, for each of `commands`.

    Raises:
        ValueError: there are more or fewer ids than commands.
    """
    ids = [None] * len(commands) if command_ids is None else list(command_ids)
    if len(ids) != len(commands):
        given = f"{counted(len(ids), 'command_id')} for {counted(len(commands), 'command')}"
        raise ValueError(f"{given}: give one for each, and None where there is none.")
    return ids
