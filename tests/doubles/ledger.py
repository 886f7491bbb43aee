"""A data folder of a small ledger, to be verified, and ways to damage one that nobody has open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from twofold import App, Config, EventMeta, Runtime, Statement, sql
from twofold.runtime.config import DataSettings, LogSettings
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.report import VerificationReport
from twofold.runtime.verification.verification import verify
from twofold.stores.records import Head

from tests.doubles.accounts import (
    AccountClosed,
    AccountOpened,
    CloseAccount,
    Deposit,
    Deposited,
    OpenAccount,
    accounts_app,
)

ACCOUNTS = 12
DEPOSITS = 40


def ledger_app() -> App:
    """Return the accounts with one more projection, whose table has an index and no primary key."""
    app = accounts_app()
    schema = """CREATE TABLE journal(account TEXT, entry TEXT, size REAL, raw BLOB);
                CREATE INDEX by_account ON journal(account)"""
    journal = app.projection("journal", version=1, schema=schema)

    @journal.on
    def entered(event: AccountOpened | Deposited | AccountClosed, meta: EventMeta) -> Iterator[Statement]:
        size = float(event.amount) if isinstance(event, Deposited) else None
        yield sql("INSERT INTO journal VALUES (?, ?, ?, ?)", meta.key, meta.type, size, meta.key.encode())

    return app


def config_of(root: Path) -> Config:
    return Config(data=DataSettings(dir=root), log=LogSettings(segment_bytes=4096))


async def fill(root: Path) -> None:
    """Make a folder of several segments, with claims, refused commands and a stream that begins anew."""
    async with Runtime(ledger_app(), config_of(root)) as runtime:
        for number in range(ACCOUNTS):
            await runtime.submit(OpenAccount(f"a{number}", f"owner {number}", f"{number}@example.org"))
        await runtime.submit(OpenAccount("a0", "a second owner"))
        await runtime.submit(OpenAccount("late", "owner 0", "0@example.org"))
        await runtime.submit_many([Deposit(f"a{n % ACCOUNTS}", Decimal(n + 1)) for n in range(DEPOSITS)])
        await runtime.submit(CloseAccount("a3"))
        await runtime.submit(Deposit("nobody", Decimal(1)))
        await runtime.submit(Deposit("a1", Decimal(1)), expected_version=1)
        await runtime.settled()


async def verified(folder: DataFolder, app: App | None = None, head: Head | None = None) -> VerificationReport:
    return await verify(folder, (app or ledger_app()).domain(), expected_head=head)


async def places_and_faults(folder: DataFolder) -> list[str]:
    return [f"{fault.where}: {fault.what}" for fault in (await verified(folder)).faults]


def generation(folder: DataFolder) -> Path:
    return folder.read / (folder.read / "current").read_text().strip()


def edit(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()


def ask(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def flip(file: Path, position: int, bits: int = 0xFF) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= bits
    file.write_bytes(data)
