"""What projections make of events: in order within each, never more of one than of another."""

from collections.abc import Iterator

import pytest
from twofold import App, EventMeta, Statement, sql
from twofold.actors.definitions import Domain
from twofold.actors.projector import ProjectionFailed, statements_for
from twofold.stores.chain import seal
from twofold.stores.records import GENESIS, EventRecord, Head

from tests.doubles.accounts import AccountOpened, Deposited, accounts_app, accounts_decider, decide, evolve

pytestmark = pytest.mark.timeout(30)


def opened(count: int, data: str = '{"owner":"Ada"}') -> list[EventRecord]:
    events, head = list[EventRecord](), GENESIS
    for number in range(count):
        event = seal(head, f"account-{number}", 1, "account.opened", 1, data, '{"command_id":"c","offset":1}', 0)
        events.append(event)
        head = Head(event.position, event.hash)
    return events


def two_projections() -> App:
    app = accounts_app()
    seen = app.projection("seen", version=1, schema="CREATE TABLE seen(position INTEGER)")

    @seen.on
    def note(event: AccountOpened | Deposited, meta: EventMeta) -> Iterator[Statement]:
        yield sql("INSERT INTO seen VALUES (?)", meta.position)

    return app


def made(domain: Domain, events: list[EventRecord]) -> list[tuple[str, object]]:
    return [(statement.sql.split()[2], statement.parameters[0]) for statement in statements_for(domain, events)]


def test_statements_of_one_projection_stand_together_in_the_order_of_the_events() -> None:
    expected = [("balance", "0"), ("balance", "1"), ("seen", 1), ("seen", 2)]
    assert made(two_projections().domain(), opened(2)) == expected


def test_an_erased_event_and_one_that_nobody_projects_make_nothing() -> None:
    (event,) = opened(1)
    erased = EventRecord(1, event.stream, 1, event.type, 1, None, event.metadata, 0, event.digest, event.hash)
    assert made(two_projections().domain(), [erased]) == []
    unprojected = App("accounts")
    decider = accounts_decider(unprojected)
    decider.decide(decide)
    decider.evolve(evolve)
    assert made(unprojected.domain(), [event]) == []


def test_an_event_that_does_not_decode_fails_the_projection_at_its_position() -> None:
    events = [*opened(1), *opened(2, data='{"owner":5}')[1:]]
    with pytest.raises(ProjectionFailed, match="balances failed at position 2"):
        statements_for(two_projections().domain(), events)
