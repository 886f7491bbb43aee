"""What the log says of commands whose outcome is `failed`: a rule has a bug, and no outcome tells the place of it.

A rule that fails for all its commands fails thousands in a minute. Each place is told at once, and then at most once a
minute, with how many commands met it in between; each of them has its outcome.
"""

from types import CodeType
from typing import NamedTuple, TypeAlias

import structlog

from ..stores.records import Fault, LoggedCommand
from .kernel.clock import Clock

__all__ = ["Failure", "FailureNotices"]

_BETWEEN_LINES = 60.0
_PLACES = 4

_log = structlog.get_logger("twofold")

Place: TypeAlias = tuple[CodeType, int]
"""A line that was under way when an error was raised."""


class Failure(NamedTuple):
    """A command that failed, and why."""

    logged: LoggedCommand
    fault: Fault
    """What its outcome tells, in a length that can be told."""
    error: BaseException


class _Told(NamedTuple):
    """When a place was told last, by the monotonic clock, and how often it was met since."""

    at: float
    untold: int


class FailureNotices:
    """The notices of one command handler."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[tuple[str, tuple[Place, ...]], _Told] = {}

    def failed(self, failure: Failure) -> None:
        """Tell of a command that failed, or count it where its place was told less than a minute ago."""
        command, fault = failure.logged.command, failure.fault
        places = _places_of(failure.error)
        now, told = self._clock.monotonic(), self._told.get((fault.code, places))
        if told is not None and now - told.at < _BETWEEN_LINES:
            self._told[fault.code, places] = told._replace(untold=told.untold + 1)
            return
        self._told[fault.code, places] = _Told(now, 0)
        _log.error(
            "command failed",
            command=command.type,
            command_id=command.command_id,
            stream=command.stream,
            cause=f"{fault.code}: {fault.message}",
            where=" > ".join(f"{code.co_filename}:{line} {code.co_qualname}" for code, line in places),
            others=0 if told is None else told.untold,
            next="mend the rule, then send what it failed again, under another id",
        )


def _places_of(error: BaseException) -> tuple[Place, ...]:
    """Return the last lines of the domain's code, and of what it calls, on the way to where `error` was raised."""
    places: list[Place] = []
    traceback = (error.__cause__ or error).__traceback__
    while traceback is not None:
        if not traceback.tb_frame.f_globals.get("__name__", "").startswith("twofold."):
            places.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(places[-_PLACES:])
