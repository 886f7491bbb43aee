"""Whether one submitted command may go into the log: its schema, its key, and what the user's validators say."""

import inspect
from collections.abc import AsyncIterator, Iterable
from typing import Any

import anyio
import msgspec
from msgspec import Struct

from ..stores.records import Fault, StreamId, stream_id
from .command_ids import new_command_id
from .domain import Ask, CommandDefinition, Domain, Reject
from .storable import Unstorable
from .submission import CommandRefused, JsonCommand, NotAccepted, Submission, ValidatorFailed, ValidatorTimeout

__all__ = ["LONGEST_ID", "LONGEST_KEY", "Candidate", "read_command", "refusal_by_validators"]

LONGEST_ID = 200
"""The most characters of a command id."""
LONGEST_KEY = 200
"""The most characters of a stream's key."""


class Candidate(Struct, frozen=True, gc=False):
    """A command with nothing wrong in its form, on its way to the log."""

    submission: Submission
    definition: CommandDefinition
    command: Any
    """The command as it comes back from `data`: what validators and `decide` see."""
    data: bytes
    digest: bytes
    command_id: str
    stream: StreamId
    id_is_new: bool
    """Whether the id was made here, so that nothing can be known about it yet."""


def read_command(domain: Domain, submission: Submission) -> Candidate:
    """Check the form of what was submitted.

    Raises:
        CommandRefused: with the first fault, and the path to it.
    """
    submitted = submission.command
    type_name = submitted.type if isinstance(submitted, JsonCommand) else type(submitted).__name__
    try:
        definition, command, data = _decode(domain, submitted)
        key = getattr(command, definition.key)
        _check_name(key, LONGEST_KEY, "key", definition.key)
        if submission.command_id is not None:
            _check_name(submission.command_id, LONGEST_ID, "id", "")
    except Reject as refusal:
        raise CommandRefused(submission.command_id, type_name, [refusal.fault]) from None
    id_is_new = submission.command_id is None
    if submission.command_id is None:
        submission.command_id = new_command_id()
    return Candidate(
        submission,
        definition,
        command,
        data,
        definition.codec.digest(command, data),
        submission.command_id,
        stream_id(definition.decider.category, key),
        id_is_new,
    )


def _decode(domain: Domain, submitted: Any) -> tuple[CommandDefinition, Any, bytes]:
    if isinstance(submitted, JsonCommand):
        definition = domain.commands.get(submitted.type)
        if definition is None:
            raise Reject("command.unknown", message=f"no command is called {submitted.type!r}")
    else:
        definition = domain.commands_by_type.get(type(submitted))
        if definition is None:
            raise Reject("command.unknown", message=f"{type(submitted).__name__} is not registered as a command")
    try:
        if isinstance(submitted, JsonCommand):
            command = definition.codec.decode(submitted.data)
            return definition, command, definition.codec.encode(command)
        return definition, *definition.codec.again(submitted)
    except msgspec.ValidationError as error:
        message, path = _split_path(str(error))
        raise Reject("schema", path=path, message=message) from None
    except Unstorable as error:
        raise Reject("value.not_storable", path=error.path.lstrip("."), message=error.what) from None
    except RecursionError:
        raise Reject("json.too_deep", message="the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Reject("json.malformed", message=str(error)) from None


def _split_path(text: str) -> tuple[str, str]:
    message, _, path = text.partition(" - at `$")
    return message, path.rstrip("`").lstrip(".")


def _check_name(value: object, longest: int, what: str, path: str) -> None:
    if not isinstance(value, str) or not value:
        raise Reject(f"{what}.empty", path=path, message=f"the {what} is empty")
    if len(value) > longest:
        raise Reject(f"{what}.too_long", path=path, message=f"the {what} has more than {longest} characters")
    if not value.isprintable():
        raise Reject(f"{what}.unprintable", path=path, message=f"the {what} holds a control character")


async def refusal_by_validators(candidate: Candidate, ask: Ask, time_limit: float) -> NotAccepted | None:
    """Run the user's validators over `candidate` and return why it is refused, or ``None``.

    All faults of all validators are collected; one that raises or takes longer than `time_limit` seconds ends that.
    """
    faults: list[Fault] = []
    for validator in candidate.definition.validators:
        try:
            said = validator.call(candidate.command, ask) if validator.asks else validator.call(candidate.command)
            if hasattr(said, "__aiter__") or inspect.isawaitable(said):
                with anyio.fail_after(time_limit):
                    faults += await _collect(said)
            else:
                faults += _faults(said)
        except Reject as refusal:
            faults.append(refusal.fault)
        except TimeoutError:
            return ValidatorTimeout(validator.name, time_limit)
        except Exception as error:  # noqa: BLE001 - a validator's bug, whatever it is, is the answer to its command
            return ValidatorFailed(validator.name, error)
    if faults:
        return CommandRefused(candidate.command_id, candidate.definition.name, faults)
    return None


async def _collect(said: Any) -> list[Fault]:
    if isinstance(said, AsyncIterator):
        return [refusal.fault async for refusal in said]
    return _faults(await said)


def _faults(said: Iterable[Reject] | None) -> list[Fault]:
    return [] if said is None else [refusal.fault for refusal in said]
