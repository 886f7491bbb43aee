"""Intake: how commands come into a runtime, one by one or many in a row."""

from collections.abc import Iterable
from typing import Any

from ..actors.submission import Receipt, Stage, Submission
from ..actors.turns import Turns
from ..stores.records import Version
from .lifecycle import Lifecycle
from .submitting import AnswerToCommand, Posted, check_timeout, check_wait, hand_over, ids_for, post

__all__ = ["Intake"]


class Intake(Lifecycle):
    """What a `Runtime` takes, as long as its block lasts."""

    async def submit(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        expected_version: Version | None = None,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> Receipt:
        """Submit a command and return once it has come to the stage `wait`.

        `command` is an object of a registered type, or a `JsonCommand`. The same `command_id` gets the same answer,
        however often it is sent; without one, an id is made. Where `expected_version` is given, the outcome is a
        `conflict` unless the stream is at that version. After `timeout` seconds the receipt says `timed_out`, and the
        command goes on; so it does when the caller is cancelled.

        Raises:
            CommandRefused: it has faults; they are all named.
            CommandIdReused: another command has the id.
            Overloaded, Stopping, NoSpace, ValidatorTimeout, ValidatorFailed: nothing was appended.
            OutcomeUnknown: it may have been accepted or not; send it again under the same id.
            ValueError: `wait` is no stage, or `timeout` no time.
        """
        return await self._hand_over(
            command, command_id, wait, timeout, expected_version, principal, correlation_id
        ).wait()

    def begin(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        expected_version: Version | None = None,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> Posted:
        """Hand a command over as `submit` does, and return at once, before it is answered.

        Raises:
            Overloaded, Stopping: it was not taken.
            ValueError: `wait` is no stage, or `timeout` no time.
        """
        return Posted(self._hand_over(command, command_id, wait, timeout, expected_version, principal, correlation_id))

    async def post(
        self,
        command: Any,
        *,
        command_id: str | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        principal: str | None = None,
        correlation_id: str | None = None,
        turns: Turns | None = None,
    ) -> Posted:
        """Hand a command over, waiting for room where there is none, and return before it is answered.

        Commands are admitted in the order in which they are posted, so a long row of them can be sent without waiting
        for each. `timeout` counts from then. Those that share `turns` keep their order also where some are turned away.

        Raises:
            ValueError: `wait` is no stage, or `timeout` no time.
        """
        validator = self._at_work.validator
        check_wait(wait)
        check_timeout(timeout)
        submission = Submission(
            command, command_id=command_id, wait=wait, principal=principal, correlation_id=correlation_id, turns=turns
        )
        return await post(validator, submission, self._deadlines, timeout)

    async def submit_many(
        self,
        commands: Iterable[Any],
        *,
        command_ids: Iterable[str | None] | None = None,
        wait: Stage = "accepted",
        timeout: float | None = 30.0,
        principal: str | None = None,
        correlation_id: str | None = None,
    ) -> list[AnswerToCommand]:
        """Submit commands in order, waiting for room where there is none, and return what became of each.

        What `submit` raises stands in the list in place of a receipt, and `OutOfTurn` behind one that was turned away
        for a reason that passes, so that a second try keeps the order. `timeout` counts for each from its submission.

        Raises:
            ValueError: `wait` is no stage, `timeout` no time, or the `command_ids` are not as many as the commands.
        """
        commands = list(commands)
        common: Any = {"wait": wait, "timeout": timeout, "principal": principal, "correlation_id": correlation_id}
        common["turns"] = Turns()
        posted = [
            await self.post(command, command_id=command_id, **common)
            for command, command_id in zip(commands, ids_for(commands, command_ids), strict=True)
        ]
        return [await each.answer() for each in posted]

    def _hand_over(
        self,
        command: Any,
        command_id: str | None,
        wait: Stage,
        timeout: float | None,
        expected_version: Version | None,
        principal: str | None,
        correlation_id: str | None,
    ) -> Submission:
        validator = self._at_work.validator
        check_wait(wait)
        check_timeout(timeout)
        submission = Submission(
            command,
            command_id=command_id,
            wait=wait,
            expected_version=expected_version,
            principal=principal,
            correlation_id=correlation_id,
        )
        hand_over(validator, submission, self._deadlines, timeout)
        return submission
