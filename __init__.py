"""Twofold: CQRS and event sourcing in one async Python process.

Everything that an application imports is here, and nothing else is.
"""

from .actors.domain import Answer, Ask, Claim, Context, EventMeta, Reject, sql
from .actors.submission import (
    CommandIdReused,
    CommandRefused,
    JsonCommand,
    NoSpace,
    NotAccepted,
    OutcomeUnknown,
    Overloaded,
    Receipt,
    Stopping,
    ValidatorFailed,
    ValidatorTimeout,
)
from .runtime.app import App
from .runtime.config import Config
from .runtime.history import NoSuchVersion, RecordedEvent, StreamState, UnknownStream
from .runtime.queries import BadParameters, NotProjected, ProjectorHalted, UnknownQuery
from .runtime.runtime import Runtime
from .runtime.signatures import RegistrationError
from .stores.errors import TwofoldError
from .stores.protocols import ReadDb
from .stores.records import Fault, Outcome, Statement

__all__ = [
    "Answer",
    "App",
    "Ask",
    "BadParameters",
    "Claim",
    "CommandIdReused",
    "CommandRefused",
    "Config",
    "Context",
    "EventMeta",
    "Fault",
    "JsonCommand",
    "NoSpace",
    "NoSuchVersion",
    "NotAccepted",
    "NotProjected",
    "Outcome",
    "OutcomeUnknown",
    "Overloaded",
    "ProjectorHalted",
    "ReadDb",
    "Receipt",
    "RecordedEvent",
    "RegistrationError",
    "Reject",
    "Runtime",
    "Statement",
    "Stopping",
    "StreamState",
    "TwofoldError",
    "UnknownQuery",
    "UnknownStream",
    "ValidatorFailed",
    "ValidatorTimeout",
    "sql",
]
