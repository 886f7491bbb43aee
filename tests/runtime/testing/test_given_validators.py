"""Validators have their say before the decider, as they have before the log."""

from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from decimal import Decimal

import anyio
import anyio.lowlevel
import pytest
from twofold import Ask, Reject, UnknownQuery
from twofold.runtime.testing import Given

from tests.doubles.accounts import AccountOpened, Deposit, OpenAccount, accounts_app

ADA = AccountOpened("Ada")
tenant = ContextVar("tenant", default="none")


def bank() -> Given:
    """Return the accounts with validators of every kind."""
    app = accounts_app()

    @app.validate
    def amount_is_money(command: Deposit) -> Iterator[Reject]:
        if command.amount <= 0:
            yield Reject("amount.not_positive", path="amount", amount=str(command.amount))
        if command.amount != command.amount.quantize(Decimal("0.01")):
            yield Reject("amount.too_fine", path="amount")

    @app.validate
    async def owner_is_known(command: OpenAccount, ask: Ask) -> AsyncIterator[Reject]:
        if command.owner in (await ask("accounts")).value:
            yield Reject("owner.known", path="owner", tenant=tenant.get())

    @app.validate
    async def really_waits(command: OpenAccount) -> None:
        await anyio.lowlevel.checkpoint()
        if command.owner == "Mallory":
            raise ZeroDivisionError("in a validator")

    @app.validate
    async def asks_for_what_is_not_there(command: OpenAccount, ask: Ask) -> None:
        if command.owner == "Nobody":
            await ask("no.such.query")

    return Given(app)


given = bank()


def test_a_refusal_names_its_code_path_and_facts() -> None:
    refused = given(ADA).when(Deposit("1", Decimal(-1)))
    refused.refused("amount.not_positive")
    refused.refused("amount.not_positive", path="amount", amount="-1")
    refused.refused("amount.not_positive", amount=Decimal(-1))  # type: ignore[arg-type] # told as a fact is


def test_what_passes_goes_on_to_the_decider() -> None:
    given().when(Deposit("1", Decimal(1))).rejects("account.unknown")


def test_a_refused_command_is_not_decided() -> None:
    given().when(Deposit("1", Decimal(0))).refused("amount.not_positive")


def test_all_faults_can_be_named_in_their_order() -> None:
    refused = given(ADA).when(Deposit("1", Decimal("-0.001")))
    refused.refused_with(
        Reject("amount.not_positive", path="amount", amount="-0.001"), Reject("amount.too_fine", path="amount")
    )
    with pytest.raises(AssertionError) as failed:
        refused.refused_with(Reject("amount.not_positive", path="amount"))
    assert str(failed.value) == (
        "Deposit has other faults than expected:\n"
        "  1. Fault\n"
        "       facts['amount']: expected nothing, got '-0.001'\n"
        "  2. expected nothing\n"
        "     got      Fault(code='amount.too_fine', path='amount', message='', facts={})"
    )


def test_one_fault_alone_is_not_two() -> None:
    with pytest.raises(AssertionError) as failed:
        given(ADA).when(Deposit("1", Decimal("-0.001"))).refused("amount.not_positive", path="amount")
    assert str(failed.value) == (
        "Deposit was expected to be refused with\n"
        "  amount amount.not_positive\n"
        "and it was refused before the log:\n"
        "  amount amount.not_positive amount='-0.001'\n"
        "  amount amount.too_fine"
    )


def test_a_validator_that_asks_gets_the_answer_that_the_test_gives() -> None:
    given().when(OpenAccount("1", "Ada"), answers={"accounts": ["Bo"]}).then(ADA)
    given().when(OpenAccount("1", "Ada"), answers={"accounts": ["Ada"]}).refused("owner.known", path="owner")


def test_a_question_without_an_answer_is_told() -> None:
    with pytest.raises(LookupError) as failed:
        given().when(OpenAccount("1", "Ada"))
    assert str(failed.value) == (
        "A validator asks accounts(), and there is no read side here. Give the answer: "
        "when(..., answers={'accounts': ...})."
    )
    with pytest.raises(UnknownQuery, match=r"No query is called 'no\.such\.query'"):
        given().when(OpenAccount("1", "Nobody"), answers={"accounts": []})


def test_what_a_validator_raises_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError, match="in a validator"):
        given().when(OpenAccount("1", "Mallory"), answers={"accounts": []})


@pytest.mark.anyio
async def test_an_asynchronous_test_can_use_it_too_and_validators_see_its_context() -> None:
    tenant.set("north")
    given().when(OpenAccount("1", "Ada"), answers={"accounts": ["Ada"]}).refused("owner.known", tenant="north")
