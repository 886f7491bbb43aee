"""A batch of commands as it is decided: what it will change, kept apart from what is committed.

State moves only with the commit, so nothing here touches the handler's cache or head. A batch that fails is dropped.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..stores.chain import seal
from ..stores.protocols import EventStore
from ..stores.records import (
    ClaimChange,
    Commit,
    EventRecord,
    Fault,
    Head,
    LoggedCommand,
    Offset,
    Outcome,
    OutcomeStatus,
    StateRecord,
    StreamId,
)
from .decision import Decision, DomainFault, Loaded, decide, metadata_of, save
from .definitions import Domain
from .domain import Claim, Reject, storable_text
from .failure_notices import Failure

__all__ = ["BatchDraft"]

_LONGEST_TEXT = 2000


class Claiming(NamedTuple):
    """A command that was decided, and whose claims are yet to be looked up."""

    logged: LoggedCommand
    decision: Decision
    state: StateRecord | None
    after: Loaded


class BatchDraft:
    """Decides commands one after the other, each on what those before it left."""

    def __init__(
        self, domain: Domain, store: EventStore, head: Head, streams: Mapping[StreamId, Loaded | DomainFault]
    ) -> None:
        self.head = head
        self.events: list[EventRecord] = []
        self.decoded: list[Any | None] = []
        """For each of the events: itself, where it may be handed on."""
        self.outcomes: list[Outcome] = []
        self.changed: dict[StreamId, Loaded] = {}
        self.failures: list[Failure] = []
        """To be told once they are committed, and then let go of: an error leads back to here."""
        self._states: dict[StreamId, StateRecord] = {}
        self._claims: list[ClaimChange] = []
        self._holders: dict[tuple[str, str], StreamId | None] = {}
        self._domain = domain
        self._store = store
        self._streams = dict(streams)

    def add(self, logged: LoggedCommand, decoded: Any | None = None) -> Claiming | None:
        """Decide one command, which somebody has `decoded` or not. Whatever its rules do, there is one outcome more.

        If it claims anything, there is only once `claim` was given what this returns.
        """
        stream = logged.command.stream
        loaded = self._streams[stream]
        definition = self._domain.commands.get(logged.command.type)
        expected = logged.command.expected_version
        if isinstance(loaded, DomainFault):
            self.fail(logged, loaded)
            return None
        if definition is None:
            self.fail(logged, DomainFault(f"no command is called {logged.command.type!r} any more; register it again"))
            return None
        if expected is not None and expected != loaded.version:
            facts: dict[str, str | int | float | bool | None] = {"expected": expected, "actual": loaded.version}
            self._refuse(logged, "conflict", Fault("version.conflict", "", "the stream has moved on", facts))
            return None
        try:
            decision = decide(definition, logged, loaded, decoded)
            state, after = save(definition.decider, stream, decision.after) if decision.events else (None, loaded)
        except Reject as refusal:
            self._refuse(logged, "rejected", refusal.fault)
            return None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a rule's bug, whatever it is, is that one command's outcome
            self.fail(logged, error)
            return None
        if decision.claims:
            return Claiming(logged, decision, state, after)
        self._accept(logged, decision, (), state, after)
        return None

    async def claim(self, claiming: Claiming) -> None:
        """Find out who holds what a command claims, and add its outcome."""
        logged, decision, state, after = claiming
        try:  # apart from the rules: what the store raises is no fault of the command
            claims = [await self._claim(claim, logged.command.stream) for claim in decision.claims]
        except Reject as refusal:
            self._refuse(logged, "rejected", refusal.fault)
        except DomainFault as fault:
            self.fail(logged, fault)
        else:
            self._accept(logged, decision, claims, state, after)

    def fail(self, logged: LoggedCommand, error: BaseException) -> None:
        """Give a command the outcome `failed`: its handler has a bug, or made what cannot be stored."""
        fault = Fault(type(error).__name__, "", _told(error))
        self.failures.append(Failure(logged, fault, error))
        self._refuse(logged, "failed", fault)

    def commit(self, before: Offset, after: Offset) -> Commit:
        """Return all that the batch changes, with the cursor moved from `before` to `after`."""
        states = list(self._states.values())
        return Commit(self.events, states, self.outcomes, self._claims, before, after)

    def _accept(
        self,
        logged: LoggedCommand,
        decision: Decision,
        claims: Sequence[ClaimChange],
        state: StateRecord | None,
        after: Loaded,
    ) -> None:
        record = logged.command
        metadata = metadata_of(logged) if decision.events else ""
        first_version = after.version - len(decision.events) + 1
        for version, decided in enumerate(decision.events, first_version):
            name, schema_version = decided.definition.name, decided.definition.schema_version
            event = seal(self.head, record.stream, version, name, schema_version, decided.data, metadata, record.time)
            self.events.append(event)
            self.decoded.append(decided.event if decided.definition.codec.shareable else None)
            self.head = Head(event.position, event.hash)
        for claim in claims:
            self._claims.append(claim)
            self._holders[claim.name, claim.value] = claim.stream if claim.taken else None
        if state is not None:
            self._states[record.stream] = state
            self._streams[record.stream] = self.changed[record.stream] = after
        self._conclude(logged, "handled", after.version, len(decision.events), ())

    def _refuse(self, logged: LoggedCommand, status: OutcomeStatus, fault: Fault) -> None:
        loaded = self._streams[logged.command.stream]
        version = 0 if isinstance(loaded, DomainFault) else loaded.version
        self._conclude(logged, status, version, 0, (fault,))

    def _conclude(
        self, logged: LoggedCommand, status: OutcomeStatus, version: int, events: int, faults: tuple[Fault, ...]
    ) -> None:
        record = logged.command
        position = self.head.position if events else 0
        self.outcomes.append(
            Outcome(
                record.command_id,
                logged.offset,
                record.digest,
                status,
                record.stream,
                version,
                events,
                position,
                record.time,
                faults,
            )
        )

    async def _claim(self, claim: Claim, stream: StreamId) -> ClaimChange:
        """Return what `claim` changes.

        Raises:
            Reject: another stream holds the value.
            DomainFault: it is to be released, and is not held.
        """
        claimed = claim.name, claim.value
        holder = self._holders[claimed] if claimed in self._holders else await self._store.claim_holder(*claimed)
        if claim.taken and holder not in (None, stream):
            raise Reject("claim.taken", message=f"{claim.name} {claim.value!r} is taken", claim=claim.name)
        if not claim.taken and holder != stream:
            raise DomainFault(f"{stream} releases {claim.name} {claim.value!r}, which it does not hold")
        return ClaimChange(claim.name, claim.value, stream, claim.taken)


def _told(error: BaseException) -> str:
    """Return what `error` says, in a length and in characters that can be kept."""
    try:
        text = str(error)
    except Exception as worse:  # noqa: BLE001 - even the telling may have a bug
        text = f"and its text raised {type(worse).__name__}"
    return storable_text(text[:_LONGEST_TEXT])
