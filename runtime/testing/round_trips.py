"""Whether what a domain stores comes back as it was, for examples of each of its events."""

from msgspec import Struct

from ...actors.codec import Codec
from ...actors.definitions import Domain
from ..app import App
from .stored import as_stored

__all__ = ["check_round_trips"]


def check_round_trips(app: App, *examples: Struct) -> None:
    """Check that `examples` come back from their stored form as they were: events, and commands and states if you like.

    An event that is stored is kept for ever, so each type of event needs an example.

    Raises:
        AssertionError: one does not, or cannot be stored, or an event of `app` has no example; all of them are named.
        TypeError: an example is neither event nor command nor state of `app`.
    """
    domain = app.domain()
    codecs = _codecs(domain)
    faults: list[str] = []
    for example in examples:
        if type(example) not in codecs:
            raise TypeError(f"{example!r} is neither event nor command nor state of {domain.name}. Register its type.")
        try:
            as_stored(codecs[type(example)], example)
        except AssertionError as fault:
            faults.append(str(fault))
    given = {type(example) for example in examples}
    faults += (
        f"{event.type.__name__} ({event.name}) has no example: give one."
        for event in domain.events.values()
        if event.type not in given
    )
    if faults:
        raise AssertionError("\n".join(faults))


def _codecs(domain: Domain) -> dict[type, Codec[Struct]]:
    return {
        **{decider.state.type: decider.state for decider in domain.deciders.values()},
        **{command.type: command.codec for command in domain.commands.values()},
        **{event.type: event.codec for event in domain.events.values()},
    }
