"""Projections and queries on their own: events go in, answers come out."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import pytest
from twofold import App, BadParameters, EventMeta, ProjectionFailed, ReadDb, Statement, UnknownQuery, sql
from twofold.runtime.testing import START, ReadSide

from tests.doubles.accounts import Account, AccountClosed, AccountOpened, Deposited, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

ADA = AccountOpened("Ada")


def metas_app() -> App:
    """Return the accounts with a projection that keeps what it knows of each event."""
    app = accounts_app()
    metas = app.projection("metas", schema="CREATE TABLE meta(told TEXT NOT NULL) STRICT")

    @metas.on
    def told(event: AccountOpened | AccountClosed, meta: EventMeta) -> list[Statement]:
        about = (
            meta.position,
            meta.stream,
            meta.version,
            meta.type,
            meta.command_id,
            meta.principal,
            meta.correlation_id,
        )
        return [sql("INSERT INTO meta VALUES (?)", f"{about} {meta.time}")]

    @app.query("told")
    async def told_of(db: ReadDb) -> list[str]:
        return [row[0] for row in await db.rows("SELECT told FROM meta")]

    return app


async def test_queries_answer_on_all_that_happened() -> None:
    async with ReadSide(accounts_app()) as bank:
        assert await bank.ask("accounts") == []
        await bank.happened(ADA, Deposited(Decimal(1)), Deposited(Decimal(2)))
        await bank.happened(AccountOpened("Bo"), key="2")
        assert await bank.ask("accounts") == ["1", "2"]
        assert await bank.ask("deposits_of", account="1") == 2
        await bank.happened(AccountClosed(), key="1")
        assert await bank.ask("accounts") == ["2"]


async def test_each_event_has_its_place_in_the_history() -> None:
    noon = datetime(2011, 5, 31, 12, tzinfo=UTC)
    async with ReadSide(metas_app()) as bank:
        await bank.happened(ADA, AccountClosed())
        await bank.happened(ADA, key="2-b", at=noon, principal="ada", correlation_id="talk")
        assert await bank.ask("told") == [
            f"(1, 'account-1', 1, 'account.opened', 'command-1', None, None) {START}",
            f"(2, 'account-1', 2, 'account.closed', 'command-2', None, None) {START}",
            f"(3, 'account-2-b', 1, 'account.opened', 'command-3', 'ada', 'talk') {noon}",
        ]


async def test_a_projection_that_fails_is_named_with_the_place() -> None:
    async with ReadSide(accounts_app()) as bank:
        await bank.happened(ADA)
        with pytest.raises(ProjectionFailed, match=r"The projection balances failed at position 2: .*UNIQUE"):
            await bank.happened(ADA)


async def test_what_cannot_have_happened_is_refused() -> None:
    async with ReadSide(accounts_app()) as bank:
        with pytest.raises(TypeError, match=r"is no event of accounts\. Register its type with a decider"):
            await bank.happened(Account())
        with pytest.raises(AssertionError, match=r"Deposited \(account\.deposited\) cannot be stored"):
            await bank.happened(Deposited(Decimal("NaN")))
        with pytest.raises(AssertionError, match=r"AccountOpened \(account\.opened\) does not fit its own type"):
            await bank.happened(AccountOpened(cast(str, 1)))
        assert await bank.ask("accounts") == []


async def test_a_wrong_question_is_refused_as_at_work() -> None:
    async with ReadSide(accounts_app()) as bank:
        with pytest.raises(UnknownQuery):
            await bank.ask("no.such.query")
        with pytest.raises(BadParameters):
            await bank.ask("deposits_of", account=1)
