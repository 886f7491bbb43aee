"""The accounts with bugs that a deposit's note, or a query's name, brings about."""

from typing import Any

import anyio
from twofold import App, Ask, Config, Context, ReadDb, Reject
from twofold.runtime.config import QuerySettings, ValidatorSettings

from tests.doubles.accounts import (
    Account,
    AccountCommand,
    Deposit,
    accounts,
    accounts_decider,
    accounts_projection,
    decide,
    evolve,
    project_account,
)

ADA = {"account": "1", "owner": "Ada"}


def faulty_app() -> App:
    """Return the accounts with bugs that a deposit's note, or a query's name, brings about."""
    app = App("accounts")

    decider = accounts_decider(app)

    @decider.decide
    def decide_with_a_bug(state: Account, command: AccountCommand, context: Context) -> list[Any]:
        if isinstance(command, Deposit) and command.note == "decide raises":
            raise KeyError(command.note)
        return decide(state, command, context)

    decider.evolve(evolve)

    @app.validate
    async def note_is_good(command: Deposit, ask: Ask) -> list[Reject]:
        if command.note == "a validator waits":
            await anyio.sleep_forever()
        if command.note == "a validator raises":
            raise KeyError(command.note)
        return [Reject("note.bad", path="note")] if command.note == "bad" else []

    accounts_projection(app).on(project_account)
    app.query("accounts")(accounts)
    add_faulty_queries(app)
    return app


def add_faulty_queries(app: App) -> None:
    @app.query("raises")
    async def raises(db: ReadDb) -> None:
        raise KeyError("raises")

    @app.query("says.no.sql")
    async def says_no_sql(db: ReadDb) -> object:
        return await db.rows("SELECT nothing FROM nowhere")

    @app.query("waits")
    async def waits(db: ReadDb) -> None:
        await anyio.lowlevel.checkpoint()

    @app.query("endless")
    async def endless(db: ReadDb) -> object:
        return await db.value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")

    @app.query("unforeseen")
    async def unforeseen(db: ReadDb) -> object:
        return object()  # which no JSON can hold


def deposit(note: str = "") -> dict[str, str]:
    return {"account": "1", "amount": "1", "note": note}


SMALL = Config(queries=QuerySettings(timeout=0.2), validator=ValidatorSettings(timeout=0.2))
