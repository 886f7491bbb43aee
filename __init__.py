"""Twofold: CQRS and event sourcing in one async Python process.

Everything that an application imports is here, and nothing else is.
"""

from .actors.decision import UnreadableStream
from .actors.definitions import UnknownEvent
from .actors.domain import Answer, Ask, Claim, Context, EventMeta, Reject, sql
from .actors.email import Attachment, Email
from .actors.filling import RebuildProgress
from .actors.function_deliverer import Undeliverable
from .actors.projector import ProjectionFailed
from .actors.purge import Purge
from .actors.rebuilder import RebuildStopped, Rebuilt
from .actors.retry import Retry
from .actors.statistics import RoleStatistics
from .actors.submission import (
    CommandIdReused,
    CommandRefused,
    JsonCommand,
    NoSpace,
    NotAccepted,
    OutcomeUnknown,
    OutOfTurn,
    Overloaded,
    Receipt,
    Stage,
    Stopping,
    ValidatorFailed,
    ValidatorTimeout,
)
from .actors.turns import Turns
from .runtime.app import App
from .runtime.config import Config, ConfigError
from .runtime.effect_search import UnknownConsumerName
from .runtime.effects import ConsumerHalted, LedgerGone
from .runtime.failures import CoreFailed, NotRunning
from .runtime.history import NoSuchVersion, RecordedEvent, StreamState, UnknownStream
from .runtime.queries import (
    BadParameters,
    NotProjected,
    ProjectorHalted,
    QueryFailed,
    Rebuilding,
    UnknownQuery,
)
from .runtime.rebuilds import RebuildUnderWay
from .runtime.runtime import Runtime
from .runtime.signatures import RegistrationError
from .stores.effect_errors import UnknownEffect, WrongEffectState
from .stores.errors import (
    Corruption,
    DiskFull,
    FolderRefused,
    ForeignAwait,
    Locked,
    NoPreviousGeneration,
    NoSuchStore,
    QueryTimeout,
    SchemaTooNew,
    SchemaTooOld,
    StatementFailed,
    StorageFailed,
    TwofoldError,
)
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
    "ConfigError",
    "ConsumerHalted",
    "Context",
    "CoreFailed",
    "Corruption",
    "DiskFull",
    "Email",
    "EventMeta",
    "Fault",
    "FolderRefused",
    "ForeignAwait",
    "JsonCommand",
    "LedgerGone",
    "Locked",
    "NoPreviousGeneration",
    "NoSpace",
    "NoSuchStore",
    "NoSuchVersion",
    "NotAccepted",
    "NotProjected",
    "NotRunning",
    "OutOfTurn",
    "Outcome",
    "OutcomeUnknown",
    "Overloaded",
    "ProjectionFailed",
    "ProjectorHalted",
    "Purge",
    "QueryFailed",
    "QueryTimeout",
    "ReadDb",
    "RebuildProgress",
    "RebuildStopped",
    "RebuildUnderWay",
    "Rebuilding",
    "Rebuilt",
    "Receipt",
    "RecordedEvent",
    "RegistrationError",
    "Reject",
    "Retry",
    "RoleStatistics",
    "Runtime",
    "SchemaTooNew",
    "SchemaTooOld",
    "Stage",
    "Statement",
    "StatementFailed",
    "Stopping",
    "StorageFailed",
    "StreamState",
    "Turns",
    "TwofoldError",
    "Undeliverable",
    "UnknownConsumerName",
    "UnknownEffect",
    "UnknownEvent",
    "UnknownQuery",
    "UnknownStream",
    "UnreadableStream",
    "ValidatorFailed",
    "ValidatorTimeout",
    "WrongEffectState",
    "sql",
]
