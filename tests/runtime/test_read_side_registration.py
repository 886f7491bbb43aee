"""Every mistake in registering a projection or a query is told at once, with the function that made it."""

from collections.abc import Iterator

import pytest
from twofold import EventMeta, ReadDb, RegistrationError, Statement, sql

from tests.doubles.accounts import SCHEMA, AccountClosed, AccountOpened, accounts_app
from tests.doubles.registering import Unknown


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("CREATE TABEL x(y)", "SQLite refuses"),
        ("", "makes no table"),
        ("CREATE TABLE twofold_cursor(x)", "twofold_"),
        ("CREATE TABLE x(y); COMMIT; CREATE TABLE z(y)", "SQLite refuses"),
        ("CREATE TABLE x(y); CREATE TABLE BALANCE(z)", "the projection balances has it"),
    ],
)
def test_a_schema_that_cannot_serve_is_refused(schema: str, told: str) -> None:
    app = accounts_app()
    with pytest.raises(RegistrationError, match=told):
        app.projection("more", version=1, schema=schema)


def test_a_function_of_a_projection_takes_an_event_and_its_meta_once() -> None:
    app = accounts_app()
    projection = app.projection("more", version=1, schema="CREATE TABLE more(x)")
    with pytest.raises(RegistrationError, match="projection 'balances' already"):
        app.projection("balances", version=1, schema=SCHEMA)

    @projection.on
    def first(event: AccountOpened, meta: EventMeta) -> Iterator[Statement]:
        yield sql("INSERT INTO more VALUES (1)")

    def again(event: AccountOpened, meta: EventMeta) -> Iterator[Statement]:
        yield sql("INSERT INTO more VALUES (1)")

    def stranger(event: Unknown, meta: EventMeta) -> None:
        return None

    def swapped(event: AccountClosed, meta: int) -> None:
        return None

    async def waiting(event: AccountClosed, meta: EventMeta) -> None:
        return None

    for function, told in (
        (again, "has a function for AccountOpened already"),
        (stranger, "Unknown is no registered event"),
        (swapped, "meta: EventMeta"),
        (waiting, "plain `def`"),
    ):
        with pytest.raises(RegistrationError, match=told) as refused:
            projection.on(function)  # type: ignore[type-var]
        assert function.__name__ in str(refused.value)


def test_a_query_is_async_and_takes_a_read_db_and_typed_parameters() -> None:
    app = accounts_app()

    def plain(db: ReadDb) -> int:
        return 1

    async def without(limit: int) -> int:
        return limit

    async def untyped(db: ReadDb, limit) -> int:  # type: ignore[no-untyped-def]
        return 1

    async def variable(db: ReadDb, *limits: int) -> int:
        return 1

    async def timed(db: ReadDb, timeout: int) -> int:
        return timeout

    async def placed(db: ReadDb, min_position: int) -> int:
        return min_position

    for function, told in (
        (timed, r"`Runtime\.query` takes timeout itself"),
        (placed, r"`Runtime\.query` takes min_position itself"),
        (plain, "async def"),
        (without, "async def"),
        (untyped, "'limit' has"),
        (variable, "limits"),
    ):
        with pytest.raises(RegistrationError, match=told) as refused:
            app.query("numbers")(function)
        assert function.__name__ in str(refused.value)
    with pytest.raises(RegistrationError, match="query 'accounts' already"):
        app.query("accounts")
