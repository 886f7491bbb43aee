"""Each registered event comes back from its stored form, as far as the examples show."""

from decimal import Decimal

import pytest
from twofold import Fault
from twofold.runtime.testing import check_round_trips

from tests.doubles.accounts import Account, AccountClosed, AccountOpened, Deposit, Deposited, accounts_app

EVENTS = AccountOpened("Ada"), Deposited(Decimal("1.50")), AccountClosed()


def test_events_commands_and_states_come_back_as_they_were() -> None:
    check_round_trips(accounts_app(), *EVENTS, Deposit("1", Decimal(1)), Account("Ada", Decimal(1)))


def test_each_fault_is_named_and_each_event_without_an_example() -> None:
    with pytest.raises(AssertionError) as failed:
        check_round_trips(accounts_app(), Deposited(Decimal("NaN")), Account(1), AccountClosed())  # type: ignore[arg-type]
    assert str(failed.value) == (
        "Deposited (account.deposited) cannot be stored: The decimal NaN cannot be stored - at `$.amount`.\n"
        "Account (state of account) does not fit its own type: Expected `str`, got `int` - at `$.owner`.\n"
        "AccountOpened (account.opened) has no example: give one."
    )


def test_what_the_app_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match=r"is neither event nor command nor state of accounts\. Register its type\."):
        check_round_trips(accounts_app(), *EVENTS, Fault("x"))
