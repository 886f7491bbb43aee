"""One decision in a test: the decider on a state folded from events, every value of it in its stored form."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ...actors.admission import Candidate
from ...actors.decision import Decision, Loaded, decide
from ...actors.definitions import DeciderDefinition
from ...actors.domain import Context
from ...stores.records import CommandRecord, LoggedCommand
from .stored import as_stored
from .virtual_clock import microseconds

__all__ = ["decided"]


def decided(candidate: Candidate, happened: Sequence[object], at: datetime) -> Decision:
    """Return what the decider makes of `candidate`, logged at the time `at`, after the events that `happened`.

    What `decide` and `evolve` raise comes out as it is, a `Reject` too.

    Raises:
        AssertionError: an event or a state does not come back from its stored form as it was.
        TypeError: an event that happened is not of this decider.
        DomainFault: `decide` returned what is neither event nor claim, or a claim that cannot be.
    """
    decider = _watched(candidate.definition.decider)
    before = Loaded(len(happened), _folded(decider, candidate, happened))
    record = CommandRecord(
        candidate.command_id,
        candidate.definition.name,
        candidate.stream,
        candidate.data,
        candidate.digest,
        microseconds(at),
        None,
        candidate.submission.principal,
        candidate.submission.correlation_id,
    )
    return decide(replace(candidate.definition, decider=decider), LoggedCommand(1, record), before, candidate.command)


def _folded(decider: DeciderDefinition, candidate: Candidate, happened: Sequence[object]) -> Any:
    state = decider.initial()
    for event in happened:
        definition = decider.events.get(type(event))
        if definition is None:
            raise TypeError(
                f"{event!r} cannot have happened in {candidate.stream}: it is no event of {decider.category}, to which "
                f"{type(candidate.command).__name__} goes. Give events of the command's own stream."
            )
        state = decider.evolve(state, as_stored(definition.codec, event))
    return state


def _watched(decider: DeciderDefinition) -> DeciderDefinition:
    """Return `decider` with functions that check what the user's own return."""

    def watched_decide(state: Any, command: Any, context: Context) -> Any:
        said = decider.decide(state, command, context)
        if not isinstance(said, Iterable):
            return said
        made = list(said)
        for each in made:
            if type(each) in decider.events:
                as_stored(decider.events[type(each)].codec, each)
        return made

    def watched_evolve(state: Any, event: Any) -> Any:
        after = decider.evolve(state, event)
        if type(after) is not decider.state.type:
            raise AssertionError(
                f"evolve of {decider.category} made {after!r} of {event!r}, which is no {decider.state.type.__name__}."
            )
        return as_stored(decider.state, after)

    return replace(decider, decide=watched_decide, evolve=watched_evolve)
