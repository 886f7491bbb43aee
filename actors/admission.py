"""Whether one submitted command may go into the log: its schema, its key, and what the user's validators say."""

import inspect
import unicodedata
from collections.abc import AsyncIterator, Iterable
from math import inf
from types import GeneratorType, NoneType
from typing import Any

import msgspec
from anyio import CancelScope, current_effective_deadline, get_cancelled_exc_class
from msgspec import Struct

from ..stores.records import CommandRecord, Fault, StreamId, stream_id
from .definitions import CommandDefinition, Domain
from .domain import Ask, Reject
from .kernel.clock import Clock
from .storable import Unstorable
from .submission import CommandRefused, JsonCommand, NotAccepted, Submission, ValidatorFailed, ValidatorTimeout

__all__ = [
    "LARGEST_COMMAND",
    "LONGEST_ID",
    "LONGEST_KEY",
    "Candidate",
    "read_command",
    "record_of",
    "refusal_by_validators",
    "too_large",
]

LARGEST_COMMAND = 1 << 20
"""The most bytes of a command as JSON, sent or stored."""
LONGEST_ID = 200
"""The most characters of a command id, and of a principal and a correlation id."""
LONGEST_KEY = 200
"""The most characters of a stream's key."""

_AT_HAND = (list, tuple, GeneratorType, NoneType)
"""What a validator returns as a rule, and what is surely not to be awaited."""
_TOO_LARGE = "the command takes {size} bytes, and {limit} are the most"


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


def read_command(domain: Domain, submission: Submission) -> Candidate:
    """Check the form of what was submitted.

    Raises:
        CommandRefused: with the first fault, and the path to it.
        ValidatorFailed: code of the command's own type raised something that is no refusal.
    """
    try:
        definition, command, data, digest = _read(domain, submission.command)
        key = getattr(command, definition.key)
        _check_name(key, LONGEST_KEY, "key", definition.key)
        _check_envelope(submission)
    except Reject as refusal:
        raise CommandRefused(submission.command_id, _name_of(submission.command), [refusal.fault]) from None
    except Exception as error:
        raise ValidatorFailed(f"of the form of {_name_of(submission.command)}", error) from error
    return Candidate(
        submission,
        definition,
        command,
        data,
        digest,
        submission.command_id,
        stream_id(definition.decider.category, key),
    )


def _name_of(submitted: Any) -> str:
    return str(submitted.type) if isinstance(submitted, JsonCommand) else type(submitted).__name__


def record_of(candidate: Candidate, now: int) -> CommandRecord:
    """Return what the log keeps of `candidate`, logged at the time `now`."""
    submission = candidate.submission
    return CommandRecord(
        candidate.command_id,
        candidate.definition.name,
        candidate.stream,
        candidate.data,
        candidate.digest,
        now,
        submission.expected_version,
        submission.principal,
        submission.correlation_id,
    )


def too_large(submission: Submission, type_name: str, size: int, limit: int) -> CommandRefused:
    """Return the refusal of a command of `size` bytes where `limit` are the most."""
    fault = Fault("command.too_large", "", _TOO_LARGE.format(size=size, limit=limit))
    return CommandRefused(submission.command_id, type_name, [fault])


def _read(domain: Domain, submitted: Any) -> tuple[CommandDefinition, Any, bytes, bytes]:
    """Return the command as it comes back from its stored form, with that form and its digest."""
    is_json = isinstance(submitted, JsonCommand)
    definition = _definition_of_json(domain, submitted) if is_json else domain.commands_by_type.get(type(submitted))
    if definition is None:
        raise Reject("command.unknown", message=f"{type(submitted).__name__} is not registered as a command")
    codec = definition.codec
    try:
        if is_json:
            command = codec.decode(submitted.data)
            data = codec.encode(command)
        else:
            command, data = codec.again(submitted)
        if len(data) > LARGEST_COMMAND:
            raise _larger(len(data))
        return definition, command, data, codec.digest(command, data)
    except msgspec.ValidationError as error:
        message, path = _split_path(str(error))
        raise Reject("schema", path=path, message=message) from None
    except Unstorable as error:
        raise Reject("value.not_storable", path=error.path.lstrip("."), message=error.what) from None
    except RecursionError:
        raise Reject("json.too_deep", message="the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Reject("json.malformed", message=str(error)) from None


def _definition_of_json(domain: Domain, submitted: JsonCommand) -> CommandDefinition:
    wire_name: object = submitted.type
    definition = domain.commands.get(wire_name) if isinstance(wire_name, str) else None
    if definition is None:
        known = ", ".join(domain.commands)
        raise Reject("command.unknown", message=f"no command is called {wire_name!r}; there are: {known}")
    if len(submitted.data) > LARGEST_COMMAND:
        raise _larger(len(submitted.data))
    return definition


def _split_path(text: str) -> tuple[str, str]:
    message, found, path = text.rpartition(" - at `$")
    return (message, path.rstrip("`").lstrip(".")) if found else (text, "")


def _larger(size: int) -> Reject:
    return Reject("command.too_large", message=_TOO_LARGE.format(size=size, limit=LARGEST_COMMAND))


def _check_envelope(submission: Submission) -> None:
    """Check what goes into the log beside the command: what does not fit there could not be read back."""
    if not submission.id_is_new:
        _check_name(submission.command_id, LONGEST_ID, "id", "")
    if submission.principal is not None:
        _check_name(submission.principal, LONGEST_ID, "principal", "")
    if submission.correlation_id is not None:
        _check_name(submission.correlation_id, LONGEST_ID, "correlation_id", "")
    expected = submission.expected_version
    if expected is not None and (type(expected) is not int or not 0 <= expected < 2**63):
        raise Reject("expected_version.invalid", message=f"a stream's version is a whole number, not {expected!r}")


def _check_name(value: object, longest: int, what: str, path: str) -> None:
    if not isinstance(value, str):
        raise Reject(f"{what}.no_text", path=path, message=f"the {what} is no text")
    if not value:
        raise Reject(f"{what}.empty", path=path, message=f"the {what} is empty")
    if len(value) > longest:
        raise Reject(f"{what}.too_long", path=path, message=f"the {what} has more than {longest} characters")
    if not value.isprintable():
        unprintable = next(character for character in value if not character.isprintable())
        named = f"U+{ord(unprintable):04X} {unicodedata.name(unprintable, '')}".strip()
        message = f"the {what} holds {named}, which is no printable character"
        raise Reject(f"{what}.unprintable", path=path, message=message)


async def refusal_by_validators(candidate: Candidate, ask: Ask, clock: Clock, time_limit: float) -> NotAccepted | None:
    """Run the user's validators over `candidate` and return why it is refused, or ``None``.

    All faults of all validators are collected; one that raises or takes longer than `time_limit` seconds ends that.
    """
    faults: list[Fault] = []
    for validator in candidate.definition.validators:
        try:
            said = validator.call(candidate.command, ask) if validator.asks else validator.call(candidate.command)
            if not isinstance(said, _AT_HAND) and (hasattr(said, "__aiter__") or inspect.isawaitable(said)):
                with CancelScope() as limit:
                    timer = clock.call_later(time_limit, limit.cancel)
                    try:
                        await _collect(said, faults)
                    finally:
                        timer.cancel()
                if limit.cancelled_caught:
                    return ValidatorTimeout(validator.name, time_limit)
            else:
                _note(said, faults)
        except Reject as refusal:
            faults.append(refusal.fault)
        except Exception as error:  # noqa: BLE001 - a validator's bug, whatever it is, is the answer to its command
            return ValidatorFailed(validator.name, error)
        except get_cancelled_exc_class() as error:
            if current_effective_deadline() == -inf:
                raise
            # What it waited for was cancelled, and not this task: nobody knows whether the command is sound.
            return ValidatorFailed(validator.name, error)
    if faults:
        return CommandRefused(candidate.command_id, candidate.definition.name, faults)
    return None


async def _collect(said: Any, faults: list[Fault]) -> None:
    if not isinstance(said, AsyncIterator):
        _note(await said, faults)
        return
    async for refusal in said:
        faults.append(refusal.fault)  # noqa: PERF401 - one by one, so that what follows may raise


def _note(said: Iterable[Reject] | None, faults: list[Fault]) -> None:
    for refusal in said or ():
        faults.append(refusal.fault)  # noqa: PERF401 - one by one, so that what follows may raise
