"""The projector: applies events to the read database, each exactly once, in order.

The cursor is in the transaction of the statements, so the read database is always at one position. A projection that
raises halts the projector there: nothing is skipped, commands go on, and the queries say how far they have come.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from anyio import Lock

from ..stores.errors import StatementFailed, TwofoldError
from ..stores.protocols import ReadStore
from ..stores.records import EventRecord, Position, Statement
from .definitions import Domain, UnknownEvent
from .domain import EventMeta
from .event_feed import EventFeed
from .in_flight import InFlight
from .kernel.actor import Actor
from .kernel.clock import Clock
from .kernel.following import Gathering, follow
from .kernel.supervisor import Halt
from .kernel.watermark import Watermark
from .kernel.words import words_of
from .space import Space

__all__ = ["ProjectionFailed", "Projector", "apply_events", "statements_for", "told_outside"]


Decoded: TypeAlias = Callable[[Sequence[EventRecord]], Sequence[Any | None]]
"""Returns each event of a run as it comes back from its data, where somebody has decoded it already."""


class ProjectionFailed(TwofoldError, Halt):
    """A projection raised, or made a statement that the read database refused."""

    def __init__(self, projection: str, position: Position, cause: BaseException) -> None:
        self.projection, self.position, self.cause = projection, position, cause
        super().__init__(self._say(words_of(cause)))

    @property
    def outside(self) -> str:
        """What is told to those who are not to know what the cause says, a password in a URL maybe: its type."""
        return self._say(type(self.cause).__name__)

    def _say(self, cause: str) -> str:
        return (
            f"The projection {self.projection} failed at position {self.position}: {cause}. "
            "The read database stays there. Mend it and start again: it goes on at that event. If what it "
            "wrote before is wrong too, raise its version as well, and the read database is filled anew."
        )


def told_outside(failure: object) -> str:
    """Return why the projector is halted, as it may be told to anybody; the log has the rest."""
    return failure.outside if isinstance(failure, ProjectionFailed) else str(failure)


class Projector(Actor[EventRecord]):
    """Follows the event feed into the read database."""

    def __init__(
        self,
        domain: Domain,
        feed: EventFeed,
        store: ReadStore,
        in_flight: InFlight,
        projected: Watermark,
        applying: Lock,
        space: Space,
        clock: Clock,
        *,
        mailbox: int,
        batch: int,
    ) -> None:
        """Apply only with `applying` in hand: who holds it may let another generation serve."""
        super().__init__(clock, mailbox=mailbox, batch=batch)
        self._domain = domain
        self._feed = feed
        self._store = store
        self._in_flight = in_flight
        self._projected = projected
        self._applying = applying
        self._space = space

    async def start(self) -> None:
        self._advance(await self._store.position())

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._follow,)

    async def _follow(self) -> None:
        """Read the feed into the mailbox."""
        gathering = Gathering(self._in_flight.projecting)
        await follow(self._feed, self.mailbox, self.cursor, self.batch, attrgetter("position"), gathering)

    def made_at(self, message: EventRecord) -> int:
        return message.time

    async def handle(self, messages: Sequence[EventRecord]) -> None:
        async with self._applying:
            await apply_events(self._domain, messages, self._write, self._feed.decoded)

    async def _write(self, statements: Sequence[Statement], position: Position) -> None:
        expected = self.cursor
        await self._space.write(lambda: self._store.apply(statements, expected=expected, position=position))
        self._advance(position)

    def _advance(self, position: Position) -> None:
        self.cursor = position
        self._projected.rise(position)
        self._in_flight.projected(position)


def _not_decoded(events: Sequence[EventRecord]) -> Sequence[None]:
    return [None] * len(events)


async def apply_events(
    domain: Domain,
    events: Sequence[EventRecord],
    write: Callable[[Sequence[Statement], Position], Awaitable[None]],
    decoded: Decoded = _not_decoded,
) -> None:
    """Have `write` keep what the projections make of `events`: all at once, or, if that fails, one by one.

    Raises:
        ProjectionFailed, UnknownEvent: at the first event that is at fault; those before it are kept.
    """
    try:
        await write(statements_for(domain, events, decoded), events[-1].position)
    except (ProjectionFailed, StatementFailed, UnknownEvent) as error:
        if len(events) > 1:
            for event in events:
                await apply_events(domain, [event], write, decoded)
            return
        if isinstance(error, StatementFailed):
            name = _maker_of(error.sql, domain, events[0])
            raise ProjectionFailed(name, events[0].position, error) from error
        raise


def statements_for(domain: Domain, events: Sequence[EventRecord], decoded: Decoded = _not_decoded) -> list[Statement]:
    """Return what the projections make of `events`: the statements of one projection after those of another.

    `decoded` returns each of them as somebody has decoded it already, or ``None``.

    A projection owns its tables, so only the order within it counts; statements that are alike come together, and the
    read database can run them as one.

    Raises:
        ProjectionFailed: a projection raised, or yielded something that is no statement.
        UnknownEvent: an event's type is not registered.
    """
    return [statement for statements in _by_projection(domain, events, decoded) for statement in statements]


def _by_projection(domain: Domain, events: Sequence[EventRecord], decoded: Decoded) -> list[list[Statement]]:
    made: list[list[Statement]] = [[] for _ in domain.projections]
    for record, event in zip(events, decoded(events), strict=True):
        if record.data is None:  # of an erased event there is nothing left to show
            continue
        definition = domain.event_of(record)
        handlers = domain.projected.get(record.type)
        if handlers is None:
            continue
        index, _ = handlers[0]
        try:
            seen = definition.codec.decode(record.data) if event is None else event
            meta = EventMeta(record)
            for index, handler in handlers:
                made[index] += map(_statement, handler(seen, meta) or ())
        except Exception as error:
            raise ProjectionFailed(domain.projections[index].name, record.position, error) from error
    return made


def _maker_of(sql: str, domain: Domain, event: EventRecord) -> str:
    """Return the names of the projections that make the statement `sql` of `event`, or any where none makes that."""
    made = zip(domain.projections, _by_projection(domain, [event], _not_decoded), strict=True)
    texts = {each.name: [statement.sql for statement in statements] for each, statements in made if statements}
    return ", ".join([name for name in texts if sql in texts[name]] or texts)


def _statement(made: object) -> Statement:
    if not isinstance(made, Statement):
        raise TypeError(f"a projection yields what sql(...) returns, or returns a list of that, not {made!r}")
    return made
