"""Bugs of the domain's code, as they are told outside: which function raised what, and the rest in the log alone.

What an exception says, or where it was raised, may be nobody's business who sends a request: the password in the URL of
a service that did not answer, say.
"""

from typing import TypeAlias

import structlog

from ...actors.projector import ProjectionFailed
from ...actors.submission import ValidatorFailed
from ..queries import QueryFailed

__all__ = ["DomainBug", "tell_domain_bug"]

DomainBug: TypeAlias = QueryFailed | ValidatorFailed | ProjectionFailed

_log = structlog.get_logger("twofold")


def tell_domain_bug(error: DomainBug) -> str:
    """Return what is told of `error`, and log the rest of it."""
    cause: BaseException
    match error:
        case QueryFailed():
            function, cause, then = f"The query {error.query}", error.cause, "Mend the query."
        case ValidatorFailed():
            function, cause = f"The validator {error.validator}", error.error
            then = "Nothing was appended; mend the validator."
        case _:
            function, cause = f"The projection {error.projection}", error.cause
            then = f"It was at position {error.position}. Mend it and start again."
    raised = f"{function} raised {type(cause).__name__}"
    _log.error("domain code failed", what=raised, next=then, exc_info=cause)
    return f"{raised}. {then} The server's log has the place."
