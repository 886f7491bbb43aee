"""Given events, when a command comes, then events: a decider tried without anything started.

given = Given(app)
given(OrderPlaced(...)).when(CancelOrder("1")).then(OrderCancelled())
given().when(CancelOrder("1")).rejects("order.unknown")
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from ...actors.definitions import Domain
from ...actors.domain import Reject
from ..app import App
from .admitting import admit
from .deciding import decided
from .verdict import Verdict
from .virtual_clock import START

__all__ = ["Given", "Happened"]


class Given:
    """The first word of a test of the deciders of `app`: ``given(event, event)``."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, *events: Struct) -> "Happened":
        """Say what happened before in the stream of the command; nothing, where there are no events."""
        return Happened(self._domain, events)

    @cached_property
    def _domain(self) -> Domain:
        return self._app.domain()


class Happened:
    """Events that happened in one stream."""

    def __init__(self, domain: Domain, events: tuple[Struct, ...]) -> None:
        self._domain = domain
        self._events = events

    def when(
        self,
        command: Struct,
        *,
        at: datetime = START,
        command_id: str = "command-1",
        principal: str | None = None,
        correlation_id: str | None = None,
        answers: Mapping[str, object] | None = None,
    ) -> Verdict:
        """Let `command` come, an object or a `JsonCommand`, and return what became of it.

        First its form is checked and the validators run; one that asks the query `name` gets ``answers[name]``. Then
        its decider decides on the events, all that it sees as it comes back from its stored form. The context's time is
        `at`, and its new ids are the same whenever the command has the same id.

        What a function of the domain raises comes out as it is.

        Raises:
            AssertionError: the command, an event or a state does not come back from its stored form as it was.
            TypeError: an event that was given is not of the command's decider.
        """
        name = type(command).__name__
        admitted = admit(
            self._domain,
            command,
            command_id=command_id,
            principal=principal,
            correlation_id=correlation_id,
            answers=answers or {},
        )
        if isinstance(admitted, tuple):
            return Verdict(name, "refused", faults=admitted)
        try:
            decision = decided(admitted, self._events, at)
        except Reject as rejection:
            return Verdict(name, "rejected", faults=(rejection.fault,))
        return Verdict(name, "handled", events=[each.event for each in decision.events], claims=decision.claims)
