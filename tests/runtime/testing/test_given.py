"""Given, when, then: what a decider says, and what a test is told where that is not what it expects."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from msgspec import Struct
from twofold import App, Claim, Context
from twofold.runtime.testing import START, Given

from tests.doubles.accounts import (
    AccountClosed,
    AccountOpened,
    CloseAccount,
    Deposit,
    Deposited,
    OpenAccount,
    accounts_app,
)

given = Given(accounts_app())
ADA = AccountOpened("Ada")


class Book(Struct, frozen=True):
    seat: str
    guests: tuple[str, ...] = ()


class Booked(Struct, frozen=True):
    guests: tuple[str, ...] = ()
    by: str = ""
    at: datetime = START
    ids: tuple[UUID, ...] = ()


class Seat(Struct, frozen=True):
    guests: tuple[str, ...] = ()


Decide = Callable[[Seat, Book, Context], Sequence[Booked | Claim]]
Evolve = Callable[[Seat, Booked], Seat]


def seats(decide: Decide, evolve: Evolve = lambda state, event: Seat(state.guests + event.guests)) -> Given:
    """Return the first word of tests of a domain with these two functions."""
    app = App("seats")
    seat = app.decider("seat", Seat, key="seat", commands={"seat.book": Book}, events={"seat.booked": Booked})

    @seat.decide
    def _(state: Seat, command: Book, context: Context) -> Sequence[Booked | Claim]:
        return decide(state, command, context)

    @seat.evolve
    def _(state: Seat, event: Booked) -> Seat:
        return evolve(state, event)

    return Given(app)


def told(expect: Callable[[], object]) -> str:
    """Return what a test is told that expects something else."""
    with pytest.raises(AssertionError) as failed:
        expect()
    return str(failed.value)


def test_a_command_makes_events_of_what_happened_before() -> None:
    given().when(OpenAccount("1", "Ada")).then(ADA)
    given(ADA, Deposited(Decimal(1))).when(Deposit("1", Decimal("2.50"))).then(Deposited(Decimal("2.5")))
    given(ADA).when(CloseAccount("1")).then(AccountClosed())


def test_a_rule_says_no_with_a_code_a_path_and_facts() -> None:
    given().when(Deposit("1", Decimal(1))).rejects("account.unknown")
    given(ADA, AccountClosed()).when(Deposit("1", Decimal(1))).rejects("account.unknown", path="account")
    given(ADA).when(OpenAccount("1", "Bo")).rejects("account.exists", path="account", owner="Ada")


def test_claims_are_seen_beside_the_events() -> None:
    opened = given().when(OpenAccount("1", "Ada", "ada@example.com"))
    opened.then(ADA).claims(Claim.take("email", "ada@example.com"))
    given().when(OpenAccount("1", "Ada")).then(ADA).claims()


def test_no_event_is_an_answer_too() -> None:
    seats(lambda *_: [])().when(Book("1")).then()


def test_the_context_says_who_when_and_under_which_id() -> None:
    def decide(_: Seat, command: Book, context: Context) -> list[Booked]:
        who = f"{context.principal} {context.correlation_id} {context.command_id} {context.stream} {context.version}"
        return [Booked(by=who, at=context.time)]

    book, noon = seats(decide), datetime(2011, 5, 31, 12, tzinfo=UTC)
    book().when(Book("1")).then(Booked(by="None None command-1 seat-1 0", at=START))
    book(Booked(), Booked()).when(Book("2-b"), at=noon, command_id="c", principal="ada", correlation_id="talk").then(
        Booked(by="ada talk c seat-2-b 2", at=noon)
    )
    with pytest.raises(ValueError, match="has no time zone"):
        book().when(Book("1"), at=noon.replace(tzinfo=None))


def test_new_ids_are_the_same_for_the_same_command_id() -> None:
    ids = seats(lambda state, command, context: [Booked(ids=(context.new_id(), context.new_id()))])
    made = UUID("42f77b5a-1cd1-8e3f-b7ac-2d4c1ee33a10"), UUID("9d7d3ee0-2cf4-8f9b-8bd4-3a0a1a0a6d0c")
    expected = told(lambda: ids().when(Book("1")).then(Booked(ids=made)))
    assert expected == told(lambda: ids(Booked()).when(Book("1")).then(Booked(ids=made)))
    assert expected != told(lambda: ids().when(Book("1"), command_id="another").then(Booked(ids=made)))


def test_other_fields_are_told_one_by_one() -> None:
    verdict = given(ADA).when(Deposit("1", Decimal(1)))
    assert told(lambda: verdict.then(Deposited(Decimal(2)))) == (
        "Deposit has other events than expected:\n"
        "  1. Deposited\n"
        "       amount: expected Decimal('2'), got Decimal('1')"
    )
    booked = seats(lambda state, command, context: [Booked(command.guests, "ada")])().when(Book("1", ("Bo", "Cy")))
    assert told(lambda: booked.then(Booked(("Bo",), "bo"))) == (
        "Book has other events than expected:\n"
        "  1. Booked\n"
        "       guests[1]: expected nothing, got 'Cy'\n"
        "       by: expected 'bo', got 'ada'"
    )


def test_events_that_are_missing_too_many_or_of_another_type_are_told_whole() -> None:
    verdict = given(ADA).when(CloseAccount("1"))
    assert told(lambda: verdict.then(Deposited(Decimal(1)), AccountClosed())) == (
        "CloseAccount has other events than expected:\n"
        "  1. expected Deposited(amount=Decimal('1'))\n"
        "     got      AccountClosed()\n"
        "  2. expected AccountClosed()\n"
        "     got      nothing"
    )
    assert told(verdict.then) == (
        "CloseAccount has other events than expected:\n  1. expected nothing\n     got      AccountClosed()"
    )


def test_other_claims_are_told() -> None:
    verdict = given().when(OpenAccount("1", "Ada", "ada@example.com"))
    assert told(lambda: verdict.claims(Claim.release("email", "ada@example.com"))) == (
        "OpenAccount has other claims than expected:\n  1. Claim\n       taken: expected False, got True"
    )
    assert "got      Claim(name='email'" in told(verdict.claims)


MADE = given(ADA).when(CloseAccount("1"))
MADE_NOTHING = seats(lambda *_: [])().when(Book("1"))
REJECTED = given(ADA).when(OpenAccount("1", "Bo"))
REFUSED = given().when(OpenAccount("", "Bo"))


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        (
            lambda: MADE.rejects("account.unknown"),
            "CloseAccount was expected to be rejected with account.unknown, and it made:\n  1. AccountClosed()",
        ),
        (
            lambda: MADE_NOTHING.refused("seat.broken"),
            "Book was expected to be refused with seat.broken, and it made no event",
        ),
        (
            lambda: REJECTED.then(ADA, AccountClosed()),
            (
                "OpenAccount was expected to make AccountOpened, AccountClosed, and decide rejected it:\n"
                "  account account.exists owner='Ada'"
            ),
        ),
        (
            REJECTED.claims,
            "OpenAccount was expected to be handled, and decide rejected it:\n  account account.exists owner='Ada'",
        ),
        (
            REFUSED.then,
            (
                "OpenAccount was expected to make no event, and it was refused before the log:\n"
                "  account key.empty (the key is empty)"
            ),
        ),
        (
            lambda: REJECTED.rejects("account.unknown"),
            (
                "OpenAccount was expected to be rejected with\n  account.unknown\n"
                "and decide rejected it:\n  account account.exists owner='Ada'"
            ),
        ),
        (
            lambda: REJECTED.rejects("account.exists", path="owner", owner="Ada"),
            (
                "OpenAccount was expected to be rejected with\n  owner account.exists owner='Ada'\n"
                "and decide rejected it:\n  account account.exists owner='Ada'"
            ),
        ),
        (
            lambda: REJECTED.rejects("account.exists", owner="Bo"),
            (
                "OpenAccount was expected to be rejected with\n  account.exists owner='Bo'\n"
                "and decide rejected it:\n  account account.exists owner='Ada'"
            ),
        ),
    ],
)
def test_an_end_that_was_not_expected_is_told_with_what_happened(expect: Callable[[], object], message: str) -> None:
    assert told(expect) == message
