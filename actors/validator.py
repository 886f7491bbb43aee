"""The validator: admits commands to the log, and is the only one who appends to it.

Two loops. The first drains the mailbox and decides who may go on; the second appends all that is ready as one batch
while the first is at the next. What is already on its way through the event loop comes along. So a batch is as large as
the disk is slow and the loop is busy, and nobody waits for a timer to run out.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio

from ..stores.errors import BatchTooLarge, DiskFull, TwofoldError
from ..stores.protocols import EventStore, Log
from .admission import Candidate, read_command, record_of, refusal_by_validators, too_large
from .definitions import Domain
from .domain import Ask
from .in_flight import InFlight
from .kernel.actor import Actor
from .kernel.clock import Clock
from .kernel.mailbox import Mailbox
from .kernel.watermark import Watermark
from .space import Space
from .submission import (
    CommandIdReused,
    NoSpace,
    NotAccepted,
    OutcomeUnknown,
    OutOfTurn,
    Overloaded,
    Stopping,
    Submission,
)
from .turns import Turns

__all__ = ["Validator"]

GATHERING = 0.005
"""Seconds; how long a command waits at most for others that are on their way through the event loop. What a batch costs
besides its commands, a hop to a thread and a sync above all, is then shared by more of them: with 16 tasks that wait
until they are accepted a command takes 0.7 of the processor's time, and over HTTP with 64 connections 0.9."""


class Validator(Actor[Submission]):
    """Checks what is submitted, in this order: schema, id (in flight, then outcomes), the user's validators.

    A submission is answered `accepted` only after the log's sync returned. A refusal leaves its id free.
    """

    def __init__(
        self,
        domain: Domain,
        log: Log,
        store: EventStore,
        in_flight: InFlight,
        handled: Watermark,
        space: Space,
        ask: Ask,
        clock: Clock,
        *,
        mailbox: int,
        batch: int,
        time_limit: float,
        max_unhandled: int,
    ) -> None:
        super().__init__(clock, mailbox=mailbox, batch=batch)
        self._domain = domain
        self._log = log
        self._store = store
        self._in_flight = in_flight
        self._handled = handled
        self._space = space
        self._ask = ask
        self._time_limit = time_limit
        self._max_unhandled = max_unhandled
        self._ready: Mailbox[Candidate] = Mailbox(batch * 2)
        self._unlogged: set[str] = set()  # ids that this actor let fly and that are not durable yet
        self._validating: set[str] = set()  # those of them of which nobody knows yet whether they may go on
        self._appending: Sequence[Candidate] = ()
        self._set_aside: list[Submission] = []
        self._rows_set_aside: set[Turns] = set()  # those of which one is set aside, and so all that come behind it
        self._all_appended = anyio.Event()

    async def start(self) -> None:
        after = await self._store.cursor()
        # The handler works meanwhile: what it has handled by now is under way no more.
        while unhandled := await self._log.read(max(after, self._handled.value), limit=1000):
            self._in_flight.restore(logged for logged in unhandled if logged.offset > self._handled.value)
            after = unhandled[-1].offset
        self.cursor = self._log.end()

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._append_what_is_ready,)

    async def handle(self, messages: Sequence[Submission]) -> None:
        await self._admit(messages)
        while self._set_aside:
            again, self._set_aside = self._set_aside, []
            await self._admit(again)

    async def _admit(self, messages: Sequence[Submission]) -> None:
        self._validating = set()
        self._rows_set_aside = set()
        candidates = [c for submission in messages if (c := self._enter(submission)) is not None]
        candidates = await self._without_known(candidates)
        candidates = await self._without_refused(candidates)
        await self._ready.send_all(self._within_bounds(candidates))

    async def finish(self) -> None:
        self._ready.close()
        await self._all_appended.wait()

    def stop(self, unhandled: Sequence[Submission]) -> None:
        for submission in (*unhandled, *self._set_aside):
            submission.refuse(Stopping())
        for candidate in self._appending:  # its append failed, or was cut off before it told how it ended
            self._leave(candidate, OutcomeUnknown(candidate.command_id))
        for command_id in self._unlogged:
            self._in_flight.refuse(command_id, Stopping())

    def _enter(self, submission: Submission) -> Candidate | None:
        """Check the form of a submission and let it fly under its id; ``None`` if it is answered, or will be."""
        if submission.turns in self._rows_set_aside:
            self._set_aside.append(submission)
            return None
        try:
            candidate = read_command(self._domain, submission)
            # What waits for the handler for long is kept in the log, and not in memory as well.
            keep = candidate.definition.codec.shareable and self._in_flight.logged < 4 * self.batch
            command = candidate.command if keep else None
            is_first = self._in_flight.join(submission, candidate.command_id, candidate.digest, command)
        except NotAccepted as refusal:
            # The id of a command that may still be refused is not taken: look again when that is known.
            if isinstance(refusal, CommandIdReused) and submission.command_id in self._validating:
                self._set_aside.append(submission)
                if submission.turns is not None:
                    self._rows_set_aside.add(submission.turns)
            else:
                submission.refuse(refusal)
            return None
        if not is_first:
            return None
        self._unlogged.add(candidate.command_id)
        self._validating.add(candidate.command_id)
        return candidate

    async def _without_known(self, candidates: list[Candidate]) -> list[Candidate]:
        """Answer those whose ids have outcomes, and return the others."""
        asked = [candidate.command_id for candidate in candidates if not candidate.submission.id_is_new]
        if not asked:
            return candidates
        known = await self._store.outcomes(asked)
        if not known:
            return candidates
        for candidate in candidates:
            outcome = known.get(candidate.command_id)
            if outcome is not None and outcome.digest == candidate.digest:
                candidate.submission.repeated = True
                self._unlogged.discard(candidate.command_id)
                self._in_flight.handled(outcome)
            elif outcome is not None:
                self._leave(candidate, CommandIdReused(candidate.command_id))
        return [candidate for candidate in candidates if candidate.command_id not in known]

    async def _without_refused(self, candidates: list[Candidate]) -> list[Candidate]:
        """Run the users' validators over all of `candidates` at once and return those that passed, in order."""
        for candidate in candidates:
            if candidate.definition.validators and not candidate.definition.waits:
                await self._validate(candidate)
        waiting = [candidate for candidate in candidates if candidate.definition.waits]
        if waiting:
            async with anyio.create_task_group() as tasks:
                for candidate in waiting:
                    tasks.start_soon(self._validate, candidate)
        return [candidate for candidate in candidates if candidate.command_id in self._unlogged]

    async def _validate(self, candidate: Candidate) -> None:
        refusal = await refusal_by_validators(candidate, self._ask, self.clock, self._time_limit)
        if refusal is not None:
            self._leave(candidate, refusal)
        del refusal  # what a validator raised leads to this frame, which is not to lead back

    def _within_bounds(self, candidates: list[Candidate]) -> list[Candidate]:
        """Refuse those for whom there is no room, or the handler is too far behind, and return the others."""
        if self._space.is_short:
            for candidate in candidates:
                self._leave(candidate, NoSpace())
            return []
        candidates = self._in_turn(candidates)
        on_their_way = self._in_flight.logged + len(self._unlogged) - len(candidates)
        if on_their_way + len(candidates) > self._max_unhandled // 2:
            self._in_flight.handling.hasten()  # before commands are turned away because others gather
        room = max(0, self._max_unhandled - on_their_way)
        for candidate in candidates[room:]:
            self._leave(candidate, Overloaded("The queue of unhandled commands", self._max_unhandled))
        return candidates[:room]

    def _in_turn(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Refuse those of whose row a command before them was turned away, and return the others."""
        in_turn = []
        for candidate in candidates:
            turns = candidate.submission.turns
            if turns is not None and turns.missed is not None and candidate.submission.turn > turns.missed:
                self._leave(candidate, OutOfTurn())
            else:
                in_turn.append(candidate)
        return in_turn

    def _leave(self, candidate: Candidate, error: TwofoldError) -> None:
        self._unlogged.discard(candidate.command_id)
        self._in_flight.refuse(candidate.command_id, error)

    async def _append_what_is_ready(self) -> None:
        while batch := await self._ready.receive_gathered(self.batch, GATHERING):
            await self._append(batch)
            del batch  # it is not kept until more is ready
        self._all_appended.set()

    async def _append(self, batch: Sequence[Candidate]) -> None:
        batch = self._in_turn(batch)  # one before them may have been turned away while they were ready
        if not batch:
            return
        now = self.clock.now()
        self._appending = batch
        try:
            with anyio.CancelScope(shield=True):  # so that what is durable is told, however this actor ends
                first = await self._log.append([record_of(candidate, now) for candidate in batch])
        except DiskFull:
            for candidate in batch:
                self._leave(candidate, NoSpace())
        except BatchTooLarge as error:
            self._appending = ()
            await self._append_in_parts(batch, error)
        else:
            for offset, candidate in enumerate(batch, first):
                self._unlogged.discard(candidate.command_id)
                self._in_flight.accepted(candidate.command_id, offset)
            self.cursor = first + len(batch) - 1
        self._appending = ()

    async def _append_in_parts(self, batch: Sequence[Candidate], error: BatchTooLarge) -> None:
        if len(batch) == 1:
            self._leave(batch[0], too_large(batch[0].submission, batch[0].definition.name, error.size, error.limit))
            return
        middle = len(batch) // 2
        await self._append(batch[:middle])
        await self._append(batch[middle:])
