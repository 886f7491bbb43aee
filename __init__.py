"""Twofold: CQRS and event sourcing in one async Python process.

Everything that an application imports is here, and nothing else is.
"""

from .actors.domain import Answer, Ask, Claim, Context, EventMeta, Reject, sql
from .actors.email import Attachment, Email
from .actors.function_deliverer import Undeliverable
from .actors.purge import Purge
from .actors.retry import Retry
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
from .runtime.queries import BadParameters, NotProjected, ProjectorHalted, QueryFailed, UnknownQuery
from .runtime.runtime import Runtime
from .runtime.signatures import RegistrationError
from .stores.errors import TwofoldError
from .stores.protocols import ReadDb
from .stores.records import Fault, Outcome, Statement

__all__ = [
    "Answer",
    "App",
    "Ask",
    "Attachment",
    "BadParameters",
    "Claim",
    "CommandIdReused",
    "CommandRefused",
    "Config",
    "Context",
    "Email",
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
    "Purge",
    "QueryFailed",
    "ReadDb",
    "Receipt",
    "RecordedEvent",
    "RegistrationError",
    "Reject",
    "Retry",
    "Runtime",
    "Statement",
    "Stopping",
    "StreamState",
    "TwofoldError",
    "Undeliverable",
    "UnknownQuery",
    "UnknownStream",
    "ValidatorFailed",
    "ValidatorTimeout",
    "sql",
]
