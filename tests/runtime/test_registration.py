"""Every mistake in registering a decider or a validator is told at once, with the function that made it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct
from twofold import App, Ask, Context, RegistrationError, Reject
from twofold.runtime.decider import Decider

from tests.doubles.accounts import (
    Account,
    AccountCommand,
    AccountEvent,
    AccountOpened,
    CloseAccount,
    Deposit,
    Deposited,
    OpenAccount,
    accounts_decider,
    decide,
    evolve,
)
from tests.doubles.registering import Unknown


class Nested(Struct):
    names: tuple[str, ...] = ()


class Frozen(Struct, frozen=True):
    nested: Nested | None = None


class Chain(Struct, frozen=True):
    following: "Chain | None" = None


@dataclass(frozen=True)
class Data:
    name: str = ""


def new() -> tuple[App, Decider[Account]]:
    app = App("accounts")
    return app, accounts_decider(app)


@pytest.mark.parametrize(
    "annotation",
    [
        list[str],
        dict[str, int],
        set[str],
        Nested,
        Frozen,
        Data,
        Any,
        object,
        bytearray,
        tuple[list[str], ...],
        tuple[int, dict[str, int]],
        list[str] | None,
        frozenset[tuple[Nested, ...]],
        Sequence[str],
        Mapping[str, str],
    ],
)
def test_a_state_with_a_mutable_part_is_refused(annotation: Any) -> None:
    state = type("State", (Struct,), {"__annotations__": {"part": annotation}}, frozen=True)
    with pytest.raises(RegistrationError, match=r"mutable at State\.part"):
        App("x").decider("thing", state, key="account", commands={"do": Unknown}, events={"done": AccountOpened})


def test_a_state_of_immutable_parts_is_taken() -> None:
    class Inner(Struct, frozen=True):
        tags: frozenset[str] = frozenset()

    class State(Struct, frozen=True):
        lines: tuple[Inner, ...] = ()
        best: Inner | None = None
        pair: tuple[int, str] = (0, "")
        chain: Chain | None = None

    App("x").decider("thing", State, key="account", commands={"do": Unknown}, events={"done": AccountOpened})


def thing(**changed: Any) -> Callable[[], object]:
    given: dict[str, Any] = {
        "name": "thing",
        "state": Account,
        "key": "account",
        "commands": {"do": Unknown},
        "events": {"done": AccountOpened},
    }
    return lambda: App("x").decider(**(given | changed))


class OptionalKey(Struct, frozen=True):
    account: str | None


class NumberKey(Struct, frozen=True):
    account: int


class NeedsValue(Struct, frozen=True):
    value: int


class DescribedKey(Struct, frozen=True):
    account: Annotated[str, Meta(max_length=20, examples=["1"])]


def test_a_key_may_have_bounds_and_examples() -> None:
    thing(commands={"do": DescribedKey})()


@pytest.mark.parametrize(
    ("register", "told"),
    [
        (thing(name="a-hyphen"), "hyphen"),
        (thing(name="Upper"), "lower-case"),
        (thing(key="id"), "Unknown has no field 'id'"),
        (thing(key={}), "Unknown has no field"),
        (thing(commands={"do": OptionalKey}), "OptionalKey.account is no str"),
        (thing(commands={"do": NumberKey}), "NumberKey.account is no str"),
        (thing(commands={"do it": Unknown}), "'do it' is no name"),
        (thing(commands={"do": dict}), "do is dict, which is no msgspec.Struct"),
        (thing(commands={"do": Nested}), "do is Nested, which is not frozen"),
        (thing(commands={"do": Unknown, "again": Unknown}), "Unknown stands there twice"),
        (thing(commands={"do": Unknown}, events={"done": Unknown}), "Unknown stands there twice"),
        (thing(commands={"same": Nested}, events={"same": AccountOpened}), "frozen=True"),
        (thing(state=NeedsValue), "NeedsValue has no initial value"),
        (thing(state=Data), "the state is Data, which is no msgspec.Struct"),
    ],
)
def test_a_decider_that_cannot_serve_is_refused(register: Callable[[], object], told: str) -> None:
    with pytest.raises(RegistrationError, match=told):
        register()


def test_a_name_and_a_type_have_one_decider() -> None:
    app, _ = new()
    with pytest.raises(RegistrationError, match="decider 'account' already"):
        app.decider("account", Account, key="account", commands={}, events={})
    with pytest.raises(RegistrationError, match="OpenAccount belongs to the decider account"):
        app.decider("other", Account, key="account", commands={"other.open": OpenAccount}, events={})
    with pytest.raises(RegistrationError, match="AccountOpened belongs to the decider account"):
        app.decider("other", Account, key="account", commands={}, events={"other.opened": AccountOpened})
    with pytest.raises(RegistrationError, match=r"command 'account\.open' already"):
        app.decider("other", Account, key="account", commands={"account.open": Unknown}, events={})
    with pytest.raises(RegistrationError, match=r"event 'account\.opened' already"):
        app.decider("other", Account, key="account", commands={}, events={"account.opened": Unknown})


def short_decide(state: Account, command: OpenAccount | Deposit, context: Context) -> list[AccountEvent]:
    return []


def foreign_decide(state: Account, command: AccountCommand | Unknown, context: Context) -> list[AccountEvent]:
    return []


def unannotated_decide(state: Account, command, context: Context) -> list[AccountEvent]:  # type: ignore[no-untyped-def]
    return []


def contextless_decide(state: Account, command: AccountCommand) -> list[AccountEvent]:
    return []


def wrong_state_decide(state: Unknown, command: AccountCommand, context: Context) -> list[AccountEvent]:
    return []


def longer_decide(state: Account, command: AccountCommand, context: Context, more: int) -> list[AccountEvent]:
    return []


def keyword_decide(state: Account, command: AccountCommand, *, context: Context) -> list[AccountEvent]:
    return []


async def async_decide(state: Account, command: AccountCommand, context: Context) -> list[AccountEvent]:
    return []


def unresolved_decide(state: Account, command: "Nowhere", context: Context) -> list[AccountEvent]:  # type: ignore[name-defined]  # noqa: F821
    return []


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (short_decide, "CloseAccount is not handled"),
        (foreign_decide, "Unknown is no registered command"),
        (unannotated_decide, "'command' has no annotation"),
        (contextless_decide, "takes 3 parameters, this takes 2"),
        (wrong_state_decide, "first parameter is the state, Account"),
        (longer_decide, "takes 3 parameters, this takes 4"),
        (keyword_decide, "has no parameter of the form"),
        (async_decide, "plain `def`"),
        (unresolved_decide, "Nowhere"),
    ],
)
def test_a_decide_that_does_not_fit_is_refused_by_name(function: Any, told: str) -> None:
    _, decider = new()
    with pytest.raises(RegistrationError, match=told) as refused:
        decider.decide(function)
    assert f"{function.__name__} (" in str(refused.value)
    assert "test_registration.py:" in str(refused.value)


def short_evolve(state: Account, event: AccountOpened | Deposited) -> Account:
    return state


async def async_evolve(state: Account, event: AccountEvent) -> Account:
    return state


def test_an_evolve_that_does_not_fit_or_is_missing_is_told() -> None:
    app, decider = new()
    with pytest.raises(RegistrationError, match=r"short_evolve.*AccountClosed is not handled"):
        decider.evolve(short_evolve)
    with pytest.raises(RegistrationError, match=r"async_evolve.*plain `def`"):
        decider.evolve(async_evolve)
    decider.decide(decide)
    with pytest.raises(RegistrationError, match="The decider account has no evolve"):
        app.domain()
    decider.evolve(evolve)
    with pytest.raises(RegistrationError, match="has its evolve already"):
        decider.evolve(evolve)
    assert app.domain().commands.keys() == {"account.open", "account.deposit", "account.close"}


def test_a_decorator_gives_the_function_back_unchanged() -> None:
    app, decider = new()

    def check(command: CloseAccount) -> list[Reject]:
        return []

    assert (decider.decide(decide), decider.evolve(evolve), app.validate(check)) == (decide, evolve, check)


def test_a_validator_takes_a_registered_command_and_perhaps_ask() -> None:
    app, _ = new()

    def unregistered(command: Unknown) -> list[Reject]:
        return []

    def second(command: OpenAccount, other: int) -> list[Reject]:
        return []

    def third(command: OpenAccount, ask: Ask, more: int) -> list[Reject]:
        return []

    for function, told in ((unregistered, "Unknown is no registered command"), (second, "ask: Ask"), (third, "1 or 2")):
        with pytest.raises(RegistrationError, match=told) as refused:
            app.validate(function)
        assert function.__name__ in str(refused.value)
    with pytest.raises(RegistrationError, match="no plain function"):
        app.validate(partial(second, other=1))
