"""The way of one command to its decider in a test: its form and the user's validators, as the runtime checks them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import anyio
from msgspec import Struct

from ...actors.admission import Candidate, read_command, refusal_by_validators
from ...actors.definitions import Domain
from ...actors.domain import Answer
from ...actors.kernel.clock import SystemClock
from ...actors.submission import CommandRefused, JsonCommand, Submission, ValidatorFailed
from ...stores.records import Fault
from ..queries import UnknownQuery
from .stored import check_came_back

__all__ = ["admit"]

_TIME_LIMIT = 10.0
"""Seconds for each asynchronous validator: far more than the runtime gives, for a machine that runs many tests."""


def admit(
    domain: Domain,
    command: Struct,
    *,
    command_id: str,
    principal: str | None,
    correlation_id: str | None,
    answers: Mapping[str, object],
) -> Candidate | tuple[Fault, ...]:
    """Return `command` as it would go into the log, or the faults for which it would be refused.

    A validator that asks the query `name` gets ``answers[name]``. What a validator raises comes out as it is.

    Raises:
        AssertionError: the command does not come back from its stored form as it was.
        ValidatorTimeout: a validator took too long.
    """

    async def ask(name: str, /, **parameters: object) -> Answer:
        if name not in domain.queries:
            raise UnknownQuery(name, sorted(domain.queries))
        if name not in answers:
            given = ", ".join(f"{field}={value!r}" for field, value in parameters.items())
            raise LookupError(
                f"A validator asks {name}({given}), and there is no read side here. "
                f"Give the answer: when(..., answers={{{name!r}: ...}})."
            )
        return Answer(answers[name], 0)

    async def admitted() -> Candidate | tuple[Fault, ...]:
        submission = Submission(command, command_id=command_id, principal=principal, correlation_id=correlation_id)
        candidate = read_command(domain, submission)
        if not isinstance(command, JsonCommand):
            check_came_back(candidate.definition.codec, command, candidate.command)
        refusal = await refusal_by_validators(candidate, ask, SystemClock(), _TIME_LIMIT)
        if refusal is not None:
            raise refusal
        return candidate

    def on_a_loop() -> Candidate | tuple[Fault, ...]:
        return anyio.run(admitted)

    # On a thread of its own, because a test may be asynchronous itself, and event loops do not nest.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(copy_context().run, on_a_loop).result()
        except CommandRefused as refused:
            return refused.faults
        except ValidatorFailed as failed:
            raise failed.error from None
