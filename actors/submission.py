"""A command on its way in: what was submitted, how its sender waits, and the answers that it can get."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from ..stores.errors import TwofoldError
from ..stores.records import Fault, Offset, Outcome, Position, Version
from .command_ids import new_command_id
from .kernel.reply import Reply
from .kernel.words import words_of
from .turns import Turns

__all__ = [
    "CommandIdReused",
    "CommandRefused",
    "JsonCommand",
    "NoSpace",
    "NotAccepted",
    "OutOfTurn",
    "OutcomeUnknown",
    "Overloaded",
    "Receipt",
    "Stage",
    "Stopping",
    "Submission",
    "ValidatorFailed",
    "ValidatorTimeout",
]

Stage: TypeAlias = Literal["accepted", "handled", "projected"]
"""How far a command has come: durable in the log, its events committed, its events in the read database."""


class JsonCommand(Struct, frozen=True):
    """A command as it comes from outside: its wire name and its JSON, not decoded yet."""

    type: str
    data: bytes


class Receipt(Struct, frozen=True):
    """What the sender of an accepted command gets."""

    command_id: str
    offset: Offset
    stage: Stage
    """How far the command had come when this was written."""
    outcome: Outcome | None = None
    """What became of it, once it is handled."""
    repeated: bool = False
    """Whether this command id had been accepted before, so that this is the first one's answer."""
    timed_out: bool = False
    """Whether the wait ran out before the stage that was asked for. The command goes on all the same."""
    projector_halted: str | None = None
    """Why the stage `projected` was not waited for: the read database stands still, and commands go on."""

    @property
    def position(self) -> Position:
        """The position of the command's last event, or 0: what a query takes as `min_position`."""
        return self.outcome.position if self.outcome else 0


class NotAccepted(TwofoldError):
    """The command was not accepted; what to do next depends on which of these it is."""


class CommandRefused(NotAccepted):
    """The command has faults: mend them and send it again, under the same id if you like."""

    def __init__(self, command_id: str, type_: str, faults: Sequence[Fault]) -> None:
        self.command_id, self.type, self.faults = command_id, type_, tuple(faults)
        named = "; ".join(" ".join(filter(None, (fault.path, fault.code, fault.message))) for fault in faults)
        super().__init__(f"{type_} was refused: {named}. Mend it and send it again.")


class CommandIdReused(NotAccepted):
    """Another command was accepted under this id."""

    def __init__(self, command_id: str) -> None:
        self.command_id = command_id
        super().__init__(
            f"The command id {command_id!r} stands for another command. Send this one under an id of its own."
        )


class ValidatorTimeout(NotAccepted):
    """A validator took too long to say anything."""

    def __init__(self, validator: str, seconds: float) -> None:
        self.validator, self.seconds = validator, seconds
        super().__init__(f"The validator {validator} took more than {seconds:g} s. Nothing was appended; try again.")


class ValidatorFailed(NotAccepted):
    """A validator raised something other than a refusal: it has a bug."""

    def __init__(self, validator: str, error: BaseException) -> None:
        self.validator, self.error = validator, error
        super().__init__(
            f"The validator {validator} raised {words_of(error)}. Nothing was appended; mend the validator."
        )


class Overloaded(NotAccepted):
    """More commands are waiting than the configuration allows."""

    def __init__(self, what: str, limit: int) -> None:
        self.what, self.limit = what, limit
        super().__init__(f"{what} is full at {limit}. Nothing was appended; try again in a moment.")


class Stopping(NotAccepted):
    """The validator is stopping or starting anew."""

    def __init__(self) -> None:
        super().__init__("Commands are not taken just now. Nothing was appended; try again in a moment.")


class NoSpace(NotAccepted):
    """There is no room for the command, or for what commands before it made."""

    def __init__(self) -> None:
        super().__init__("The device is full. Nothing was appended; free some space and try again.")


class OutOfTurn(NotAccepted):
    """A command of the same row was turned away before this one, which keeps its place behind it."""

    def __init__(self) -> None:
        super().__init__("A command before it was turned away. Nothing was appended; send both again, in order.")


class OutcomeUnknown(TwofoldError):
    """The command may or may not have been accepted: only its id can tell."""

    def __init__(self, command_id: str) -> None:
        self.command_id = command_id
        super().__init__(f"It is unknown whether command {command_id!r} was accepted. Send it again under the same id.")


_PASSES = (Overloaded, Stopping, NoSpace, ValidatorTimeout, OutOfTurn, OutcomeUnknown)
"""What a command is turned away with that may well be accepted when it is sent again."""


class Submission(Reply[Receipt]):
    """One command, as the validator gets it, and the receipt that its sender waits for."""

    __slots__ = (
        "command",
        "command_id",
        "correlation_id",
        "expected_version",
        "id_is_new",
        "offset",
        "outcome",
        "principal",
        "repeated",
        "turn",
        "turns",
        "until",
    )

    def __init__(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        expected_version: Version | None = None,
        principal: str | None = None,
        correlation_id: str | None = None,
        turns: Turns | None = None,
    ) -> None:
        super().__init__()
        self.command = command
        self.id_is_new = command_id is None
        """Whether the id was made here, so that nothing can be known about it yet."""
        self.command_id = new_command_id() if command_id is None else command_id
        self.until = wait
        """The stage that its sender waits for."""
        self.expected_version = expected_version
        self.principal = principal
        self.correlation_id = correlation_id
        self.offset: Offset = 0
        self.outcome: Outcome | None = None
        self.repeated = False
        self.turns = turns
        self.turn = 0 if turns is None else turns.take()

    def refuse(self, error: TwofoldError) -> None:
        """Answer that it was not accepted, or that nobody knows."""
        if self.turns is not None and isinstance(error, _PASSES):
            self.turns.miss(self.turn)
        self.command = None  # its sender has it, if anybody
        error.__traceback__ = error.__context__ = None  # whoever keeps the error is not to keep the command by it
        self.fail(error)

    def accepted(self, offset: Offset) -> None:
        """Note that the command is durable, which answers a sender who waits for no more."""
        self.command = None  # the log has it
        self.offset = offset
        if self.until == "accepted":
            self.give(self.receipt("accepted"))

    def handled(self, outcome: Outcome) -> None:
        """Note what became of the command, which answers a sender who waits for no more."""
        self.command = None  # likewise
        self.offset, self.outcome = outcome.offset, outcome
        if self.until != "projected":
            self.give(self.receipt("handled"))

    def projected(self) -> None:
        """Answer that the command's events are in the read database."""
        self.give(self.receipt("projected"))

    def not_projected(self, why: str) -> None:
        """Answer that the command is handled, and that its events will not be in the read database for now."""
        receipt = self.receipt("handled")
        self.give(msgspec.structs.replace(receipt, projector_halted=why))

    def expire(self) -> None:
        """Answer with what is known, because the time is up."""
        if self.offset:
            self.give(self.receipt("handled" if self.outcome else "accepted", timed_out=True))
        else:
            self.fail(OutcomeUnknown(self.command_id))

    def receipt(self, stage: Stage, *, timed_out: bool = False) -> Receipt:
        """Return what the sender gets at `stage`."""
        return Receipt(self.command_id, self.offset, stage, self.outcome, self.repeated, timed_out)
