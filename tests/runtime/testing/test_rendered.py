"""What consumers of effects make of one event, checked as the runtime checks it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from twofold import App, Email, EventMeta, Purge, UnknownConsumerName
from twofold.actors.email import InvalidEmail
from twofold.actors.purge import InvalidPurge
from twofold.runtime.testing import START, emails_of, meta_of, purges_of

from tests.doubles.accounts import AccountClosed, AccountOpened, Deposited, accounts_app

NOON = datetime(2011, 5, 31, 12, tzinfo=UTC)


def bank() -> App:
    app = accounts_app()

    @app.email("welcome")
    def welcome(event: AccountOpened | AccountClosed, meta: EventMeta) -> Email | None:
        if isinstance(event, AccountClosed):
            return None
        return Email(f"{event.owner}@example.com", f"Account {meta.key}", f"{meta.time}")

    @app.purge("pages")
    def pages(event: Deposited, meta: EventMeta) -> Iterator[Purge]:
        yield Purge(tags=(f"account-{meta.key}",))
        yield Purge(tags=("total",) if event.amount else ())

    @app.consumer("audit")
    async def audit(event: Deposited, meta: EventMeta) -> None:
        """Do nothing."""

    return app


def test_an_event_becomes_e_mails() -> None:
    assert emails_of(bank(), "welcome", AccountOpened("ada")) == [
        Email("ada@example.com", "Account 1", f"{START}"),
    ]
    assert emails_of(bank(), "welcome", AccountOpened("ada"), key="2-b", at=NOON) == [
        Email("ada@example.com", "Account 2-b", f"{NOON}"),
    ]


def test_no_e_mail_is_an_answer_too() -> None:
    assert emails_of(bank(), "welcome", AccountClosed()) == []
    assert emails_of(bank(), "welcome", Deposited(Decimal(1))) == []


def test_an_event_becomes_purges() -> None:
    purges = [Purge(tags=("account-1",)), Purge(tags=("total",))]
    assert purges_of(bank(), "pages", Deposited(Decimal(1))) == purges
    assert purges_of(bank(), "pages", AccountClosed()) == []


def test_what_could_never_be_sent_fails() -> None:
    with pytest.raises(InvalidEmail, match="holds a line break"):
        emails_of(bank(), "welcome", AccountOpened("ada\nbo"))
    with pytest.raises(InvalidPurge, match="names nothing"):
        purges_of(bank(), "pages", Deposited(Decimal(0)))


def test_a_consumer_that_is_not_there_or_of_another_kind_is_refused() -> None:
    with pytest.raises(UnknownConsumerName, match="There are: audit, pages, welcome"):
        emails_of(bank(), "goodbye", AccountOpened("ada"))
    with pytest.raises(TypeError, match=r"^pages is a consumer of the kind purge, and makes no emails\.$"):
        emails_of(bank(), "pages", Deposited(Decimal(1)))
    with pytest.raises(TypeError, match=r"^audit is a consumer of the kind call, and makes no purges\.$"):
        purges_of(bank(), "audit", Deposited(Decimal(1)))


def test_an_event_must_come_back_from_its_stored_form() -> None:
    with pytest.raises(AssertionError, match=r"^Deposited \(account\.deposited\) cannot be stored"):
        purges_of(bank(), "pages", Deposited(Decimal("Infinity")))


def test_a_meta_can_be_had_to_call_a_function_with() -> None:
    meta = meta_of(bank(), AccountClosed(), key="7", at=NOON, principal="ada", correlation_id="talk", effect_id="e")
    assert (meta.stream, meta.key, meta.category, meta.type) == ("account-7", "7", "account", "account.closed")
    assert (meta.position, meta.version, meta.offset, meta.command_id) == (1, 1, 1, "command-1")
    assert (meta.time, meta.principal, meta.correlation_id, meta.effect_id) == (NOON, "ada", "talk", "e")
    assert meta_of(bank(), AccountClosed()).effect_id == "effect-1"
