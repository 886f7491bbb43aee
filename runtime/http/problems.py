"""Problems: how each error is told over HTTP, as RFC 9457 has it.

A problem's `type` is stable and for programs, its `detail` is the error's own sentence: what happened, to which thing,
and what to do next. A status has several types where a client would do different things.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from starlette.responses import Response

from ...actors.decision import UnreadableStream
from ...actors.definitions import UnknownEvent
from ...actors.projector import ProjectionFailed
from ...actors.rebuilder import RebuildStopped
from ...actors.submission import (
    CommandIdReused,
    CommandRefused,
    NoSpace,
    OutcomeUnknown,
    OutOfTurn,
    Overloaded,
    Stopping,
    ValidatorFailed,
    ValidatorTimeout,
)
from ...stores.effect_errors import UnknownEffect, WrongEffectState
from ...stores.errors import (
    DiskFull,
    ForeignAwait,
    NoPreviousGeneration,
    QueryTimeout,
    StatementFailed,
    StorageFailed,
    StoreClosed,
    TwofoldError,
)
from ...stores.records import Fault, Offset, Position
from ..effect_search import UnknownConsumerName
from ..effects import ConsumerHalted
from ..failures import NotRunning
from ..history import NoSuchVersion, UnknownStream
from ..http_terms import TYPE_PREFIX
from ..queries import BadParameters, NotProjected, ProjectorHalted, QueryFailed, Rebuilding, UnknownQuery
from ..rebuilds import RebuildUnderWay
from .domain_bugs import DomainBug, tell_domain_bug

__all__ = ["Kind", "Problem", "ProblemFound", "answer_bug", "answer_error", "answer_problem", "kinds", "problem_of"]

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """A kind of problem: its name, which ends its type, its status, its title, and when to come back."""

    name: str
    status: int
    title: str
    retry_after: int | None = None
    """Seconds."""


class Problem(Struct, frozen=True, omit_defaults=True):
    """What an answer says in the place of a result."""

    type: str
    title: str
    status: int
    detail: str
    line: int | None = None
    """The line of a row of commands that it is about."""
    command_id: str | None = None
    offset: Offset | None = None
    """Where the command is in the log, if it was accepted."""
    stage: str | None = None
    """How far the command had come."""
    position: Position | None = None
    """Where the read database is, or the command's last event."""
    faults: tuple[Fault, ...] = ()
    """All that is wrong with the command."""
    repeated: bool = False
    """Whether the id had been accepted before, so that this is the first one's answer."""
    retry_after: int | None = None
    """In how many seconds to come back, where that helps."""


MALFORMED = Kind("malformed", 400, "The request cannot be read")
FOREIGN_ORIGIN = Kind("foreign-origin", 403, "The request was sent by a page of another site")
UNKNOWN_COMMAND = Kind("unknown-command", 404, "There is no such command")
NOT_FOUND = Kind("not-found", 404, "There is nothing at this address")
UNKNOWN_OUTCOME = Kind("unknown-outcome", 404, "No outcome stands under this id")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The address takes another method")
REQUEST_TIMEOUT = Kind("request-timeout", 408, "The request did not come in time")
REJECTED = Kind("rejected", 409, "The command was handled, and a rule said no")
CONFLICT = Kind("version-conflict", 409, "The stream is at another version")
TOO_LARGE = Kind("too-large", 413, "The command is too large")
UNSUPPORTED = Kind("unsupported-media-type", 415, "The body is of another type than the address takes")
MISDIRECTED = Kind("misdirected", 421, "The request was meant for another host")
REFUSED = Kind("refused", 422, "The command has faults")
FAILED = Kind("failed", 500, "A rule has a bug: the command was handled, and failed")
INTERNAL = Kind("internal", 500, "The server has a bug")
TIMED_OUT = Kind("timed-out", 504, "The command was accepted, and the wait ran out")
HEAD_TOO_LARGE = Kind("head-too-large", 431, "The head of the request is too large")
TOO_MANY_CONNECTIONS = Kind("too-many-connections", 503, "More connections are open than may", 1)
STORAGE = Kind("storage", 503, "The store cannot be read just now", 1)
PROJECTION_FAILED = Kind("projection-failed", 500, "A projection has a bug")

BY_ERROR: Mapping[type[TwofoldError], Kind] = {
    CommandIdReused: Kind("command-id-reused", 409, "The id stands for another command"),
    Overloaded: Kind("overloaded", 503, "More commands are waiting than may", 1),
    OutOfTurn: Kind("out-of-turn", 503, "A command before it was turned away", 1),
    Stopping: Kind("stopping", 503, "Not at work just now", 1),
    NotRunning: Kind("stopping", 503, "Not at work just now", 1),
    NoSpace: Kind("no-space", 507, "The device is full", 5),
    DiskFull: Kind("no-space", 507, "The device is full", 5),
    OutcomeUnknown: Kind("outcome-unknown", 503, "Send it again under the same id", 1),
    ValidatorTimeout: Kind("validator-timeout", 503, "A validator took too long", 1),
    ValidatorFailed: Kind("validator-failed", 500, "A validator has a bug"),
    UnknownQuery: Kind("unknown-query", 404, "There is no such query"),
    BadParameters: Kind("bad-parameters", 422, "The query takes other parameters"),
    Rebuilding: Kind("rebuilding", 503, "The read database is being rebuilt", 5),
    ProjectorHalted: Kind("projector-halted", 503, "The read database stands still"),
    NotProjected: Kind("not-projected", 504, "The read database has not come that far"),
    QueryTimeout: Kind("query-timeout", 504, "The query took too long"),
    QueryFailed: Kind("query-failed", 500, "The query has a bug"),
    StatementFailed: Kind("query-failed", 500, "The query has a bug"),
    ForeignAwait: Kind("query-failed", 500, "The query has a bug"),
    UnknownStream: Kind("unknown-stream", 404, "There is no such stream"),
    NoSuchVersion: Kind("unknown-version", 404, "The stream has no such version"),
    UnreadableStream: Kind("unreadable-stream", 500, "The stream cannot be read"),
    UnknownConsumerName: Kind("unknown-consumer", 404, "There is no such consumer"),
    UnknownEffect: Kind("unknown-effect", 404, "There is no such effect"),
    ConsumerHalted: Kind("consumer-halted", 409, "The consumer failed for good"),
    WrongEffectState: Kind("wrong-effect-state", 409, "An effect is not in the state that this needs"),
    RebuildUnderWay: Kind("rebuild-under-way", 409, "The read database is being rebuilt already"),
    NoPreviousGeneration: Kind("no-way-back", 409, "There is no generation to go back to"),
    ProjectionFailed: PROJECTION_FAILED,
    UnknownEvent: PROJECTION_FAILED,
    StorageFailed: STORAGE,
    RebuildStopped: Kind("stopping", 503, "Not at work just now", 1),
    StoreClosed: Kind("stopping", 503, "Not at work just now", 1),
}

BY_FAULT: Mapping[str, Kind] = {
    "json.malformed": MALFORMED,
    "json.too_deep": MALFORMED,
    "line.malformed": MALFORMED,
    "expected_version.invalid": MALFORMED,
    "command.unknown": UNKNOWN_COMMAND,
    "command.too_large": TOO_LARGE,
    "line.too_long": TOO_LARGE,
}
"""Faults of what comes before a command's own schema and rules."""


def kinds() -> list[Kind]:
    """Return every kind of problem that there is, by status and name."""
    own = [value for value in globals().values() if isinstance(value, Kind)]
    return sorted({*own, *BY_ERROR.values()}, key=lambda kind: (kind.status, kind.name))


class ProblemFound(TwofoldError):
    """A request has a problem that no error of the runtime stands for."""

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.kind, self.headers = kind, headers or {}
        super().__init__(detail)


def problem_of(error: TwofoldError, **facts: Any) -> Problem:
    """Return how `error` is told."""
    kind = kind_of(error)
    if isinstance(error, CommandRefused):
        facts |= {"command_id": error.command_id, "faults": error.faults}
    elif isinstance(error, CommandIdReused | OutcomeUnknown):
        facts |= {"command_id": error.command_id}
    elif isinstance(error, NotProjected | ProjectorHalted):
        facts |= {"position": error.reached}
    elif isinstance(error, Rebuilding):
        facts |= {"position": error.done}
    return problem(kind, _detail(error), **facts)


def _detail(error: TwofoldError) -> str:
    if isinstance(error, NotRunning):
        return "It is starting or stopping. Try again in a moment."
    if isinstance(error, ProjectorHalted):
        return error.outside
    return tell_domain_bug(error) if isinstance(error, DomainBug) else str(error)


def kind_of(error: TwofoldError) -> Kind:
    """Return what kind of problem `error` is."""
    if isinstance(error, ProblemFound):
        return error.kind
    if isinstance(error, CommandRefused):
        return kind_of_fault(error.faults[0])
    return next((BY_ERROR[kind] for kind in type(error).__mro__ if kind in BY_ERROR), INTERNAL)


def kind_of_fault(fault: Fault) -> Kind:
    """Return what kind of problem a command has whose first fault this is."""
    if fault.code.startswith(("id.", "correlation_id.")):
        return MALFORMED
    return BY_FAULT.get(fault.code, REFUSED)


def problem(kind: Kind, detail: str, **facts: Any) -> Problem:
    """Return a problem of that kind."""
    return Problem(TYPE_PREFIX + kind.name, kind.title, kind.status, detail, retry_after=kind.retry_after, **facts)


def answer_problem(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that tells `found`."""
    answer = Response(msgspec.json.encode(found), found.status, headers, MEDIA_TYPE)
    if found.retry_after is not None:
        answer.headers["Retry-After"] = str(found.retry_after)
    return answer


def answer_bug(error: Exception) -> Response:
    """Return the answer that something unforeseen was raised."""
    detail = f"{type(error).__name__} was raised where nothing should be. The server's log has the place."
    return answer_problem(problem(INTERNAL, detail))


def answer_error(error: TwofoldError) -> Response:
    """Return the answer that tells `error`."""
    return answer_problem(problem_of(error), error.headers if isinstance(error, ProblemFound) else None)
