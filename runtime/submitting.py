"""Handing commands to the validator: how a submission may be called, its deadline, and the answer that it gets."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, get_args

from ..actors.kernel.deadlines import Deadlines
from ..actors.kernel.mailbox import MailboxClosed, MailboxFull
from ..actors.kernel.supervisor import Role
from ..actors.submission import NotAccepted, OutcomeUnknown, Overloaded, Receipt, Stage, Stopping, Submission
from .wording import counted

__all__ = ["AnswerToCommand", "Posted", "check_timeout", "check_wait", "hand_over", "ids_for", "post"]

AnswerToCommand: TypeAlias = Receipt | NotAccepted | OutcomeUnknown
"""What becomes of one of many commands: its receipt, or what stands in its place."""

_STAGES = get_args(Stage)


class Posted:
    """A command that was handed over, and whose answer is still to come."""

    __slots__ = ("_answer", "_submission")

    def __init__(self, submission: Submission) -> None:
        self._submission = submission
        self._answer: AnswerToCommand | None = None

    @property
    def command_id(self) -> str:
        """The id under which its answer can be asked for later."""
        return self._submission.command_id

    @property
    def is_answered(self) -> bool:
        """Whether `answer` returns at once."""
        return self._submission.ended

    async def answer(self) -> AnswerToCommand:
        """Return its receipt once it is there, or the error that `Runtime.submit` would raise."""
        if self._answer is None:
            try:
                self._answer = await self._submission.wait()
            except (NotAccepted, OutcomeUnknown) as error:
                self._answer = error.with_traceback(None)
        return self._answer

    def then(self, take: Callable[[AnswerToCommand], object]) -> None:
        """Have the event loop call `take` with what `answer` would return, once, in the place of awaiting that.

        What `take` raises goes to the event loop's exception handler, as from any callback.

        Raises:
            RuntimeError: the answer was taken before.
        """
        self._submission.then(take)  # type: ignore[arg-type] # it is given no other errors


def hand_over(validator: Role, submission: Submission, deadlines: Deadlines, timeout: float | None) -> None:
    """Put `submission` into the validator's mailbox, at once.

    Raises:
        Overloaded, Stopping: it was not taken.
    """
    try:
        validator.tell(submission)
    except MailboxFull:
        raise Overloaded("The validator's mailbox", validator.actor.mailbox.capacity) from None
    except MailboxClosed:
        raise Stopping from None
    if timeout is not None:
        deadlines.add(submission, timeout)


async def post(validator: Role, submission: Submission, deadlines: Deadlines, timeout: float | None) -> Posted:
    """Put `submission` into the validator's mailbox, waiting for room where there is none."""
    try:
        await validator.send(submission)
    except MailboxClosed:
        submission.refuse(Stopping())
    if timeout is not None:
        deadlines.add(submission, timeout)
    return Posted(submission)


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
    if timeout is not None and not (isinstance(timeout, (int, float)) and timeout >= 0):
        raise ValueError(f"A timeout is a number of seconds, 0 or more, or None, not {timeout!r}.")


def ids_for(commands: Sequence[Any], command_ids: Iterable[str | None] | None) -> Sequence[str | None]:
    """Return an id, or ``None``, for each of `commands`.

    Raises:
        ValueError: there are more or fewer ids than commands.
    """
    ids = [None] * len(commands) if command_ids is None else list(command_ids)
    if len(ids) != len(commands):
        given = f"{counted(len(ids), 'command_id')} for {counted(len(commands), 'command')}"
        raise ValueError(f"{given}: give one for each, and None where there is none.")
    return ids
