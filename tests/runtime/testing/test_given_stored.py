"""What a decider sees in a test is what is stored: what would come back as something else fails, by its name."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from msgspec import Struct
from twofold import App, Context, JsonCommand, Reject
from twofold.actors.decision import DomainFault
from twofold.runtime.testing import Given

from tests.doubles.accounts import AccountOpened, CloseAccount, Deposited, accounts_app

given = Given(accounts_app())


class Book(Struct, frozen=True):
    seat: str
    guests: tuple[str, ...] = ()


class Booked(Struct, frozen=True):
    guests: tuple[str, ...] = ()


class Seat(Struct, frozen=True):
    guests: tuple[str, ...] = ()


A_LIST = cast(tuple[str, ...], ["Ada"])
A_NUMBER = cast(tuple[str, ...], 1)


def seats(
    decide: Callable[[Seat, Book], Any] = lambda state, command: [Booked(command.guests)],
    evolve: Callable[[Seat, Booked], Any] = lambda state, event: Seat(event.guests),
) -> Given:
    app = App("seats")
    seat = app.decider("seat", Seat, key="seat", commands={"seat.book": Book}, events={"seat.booked": Booked})

    @seat.decide
    def decide_(state: Seat, command: Book, context: Context) -> Sequence[Booked]:
        return cast(Sequence[Booked], decide(state, command))

    @seat.evolve
    def evolve_(state: Seat, event: Booked) -> Seat:
        return cast(Seat, evolve(state, event))

    return Given(app)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (
            lambda: seats()().when(Book("1", A_LIST)),
            "Book (seat.book) does not come back from its stored form:\n  guests: was ['Ada'], came back as ('Ada',)",
        ),
        (
            lambda: seats()(Booked(A_LIST)).when(Book("1")),
            (
                "Booked (seat.booked) does not come back from its stored form:\n"
                "  guests: was ['Ada'], came back as ('Ada',)"
            ),
        ),
        (
            lambda: seats(lambda state, command: [Booked(A_LIST)])().when(Book("1")),
            (
                "Booked (seat.booked) does not come back from its stored form:\n"
                "  guests: was ['Ada'], came back as ('Ada',)"
            ),
        ),
        (
            lambda: seats(evolve=lambda state, event: Seat(A_LIST))().when(Book("1")),
            (
                "Seat (state of seat) does not come back from its stored form:\n"
                "  guests: was ['Ada'], came back as ('Ada',)"
            ),
        ),
        (
            lambda: seats()(Booked(A_NUMBER)).when(Book("1")),
            "Booked (seat.booked) does not fit its own type: Expected `array`, got `int` - at `$.guests`.",
        ),
        (
            lambda: seats(evolve=lambda state, event: Seat(("\0",)))(Booked()).when(Book("1")),
            "Seat (state of seat) cannot be stored: A NUL character cannot be stored - at `$.guests[0]`.",
        ),
        (
            lambda: seats(evolve=lambda state, event: None)(Booked()).when(Book("1")),
            "evolve of seat made None of Booked(guests=()), which is no Seat.",
        ),
    ],
)
def test_what_does_not_come_back_as_it_was_fails_by_its_name(when: Callable[[], object], message: str) -> None:
    with pytest.raises(AssertionError) as failed:
        when()
    assert str(failed.value) == message


def test_decide_and_evolve_see_the_values_that_are_stored() -> None:
    seen = list[object]()
    command, event, evolved = Book("1", ("Bo",)), Booked(("Ada",)), Seat(("Ada",))

    def evolve(state: Seat, event: Booked) -> Seat:
        seen.append(event)
        return evolved

    seats(lambda state, command: seen.extend((state, command)), evolve)(event).when(command)
    assert seen == [event, evolved, command]


def test_an_event_of_another_decider_cannot_have_happened_in_the_stream() -> None:
    with pytest.raises(TypeError) as refused:
        given(AccountOpened("Ada"), Booked()).when(CloseAccount("1"))
    assert str(refused.value) == (
        "Booked(guests=()) cannot have happened in account-1: it is no event of account, to which CloseAccount goes. "
        "Give events of the command's own stream."
    )


def test_what_a_function_of_the_domain_raises_comes_out_as_it_is() -> None:
    error = ZeroDivisionError("in a rule")

    def fails(*_: object) -> Any:
        raise error

    failing: list[Callable[[], object]] = [
        lambda: seats(fails)().when(Book("1")),
        lambda: seats(evolve=fails)(Booked()).when(Book("1")),
        lambda: seats(evolve=fails)().when(Book("1")),
    ]
    for when in failing:
        with pytest.raises(ZeroDivisionError) as raised:
            when()
        assert raised.value is error
    with pytest.raises(DomainFault, match="returned 'x', which is no event of this decider"):
        seats(lambda *_: "x")().when(Book("1"))
    with pytest.raises(DomainFault, match="returned 1; it returns events and claims"):
        seats(lambda *_: 1)().when(Book("1"))


def test_a_decide_that_yields_may_still_reject() -> None:
    def yields(state: Seat, command: Book) -> Any:
        yield Booked()
        raise Reject("seat.broken")

    seats(yields)().when(Book("1")).rejects("seat.broken")


def test_a_command_may_come_as_json() -> None:
    deposit = JsonCommand("account.deposit", b'{"account": "1", "amount": "1.0"}')
    given(AccountOpened("Ada")).when(deposit).then(Deposited(Decimal(1)))
    wrong = given().when(JsonCommand("account.deposit", b'{"account": "1", "amount": "much"}'))
    wrong.refused("schema", path="amount")
    given().when(JsonCommand("account.rob", b"{}")).refused("command.unknown")
    given().when(Booked()).refused("command.unknown")
