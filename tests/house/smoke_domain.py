"""The smallest domain with a write side and a read side, for trying an installed wheel."""

from collections.abc import Iterator

from msgspec import Struct
from twofold import App, Context, EventMeta, ReadDb, Reject, Statement, sql

app = App("smoke")


class OpenAccount(Struct, frozen=True):
    """A command."""

    account: str
    owner: str


class AccountOpened(Struct, frozen=True):
    """An event."""

    owner: str


class Account(Struct, frozen=True):
    """The state that `decide` sees."""

    is_open: bool = False


account = app.decider(
    "account",
    Account,
    version=1,
    key="account",
    commands={"account.open": OpenAccount},
    events={"account.opened": AccountOpened},
)


@account.decide
def decide(state: Account, command: OpenAccount, context: Context) -> list[AccountOpened]:
    if state.is_open:
        raise Reject("account.exists")
    return [AccountOpened(command.owner)]


@account.evolve
def evolve(state: Account, event: AccountOpened) -> Account:
    return Account(is_open=True)


accounts = app.projection("accounts", version=1, schema="CREATE TABLE account(key TEXT PRIMARY KEY, owner TEXT) STRICT")


@accounts.on
def account_opened(event: AccountOpened, meta: EventMeta) -> Iterator[Statement]:
    yield sql("INSERT INTO account VALUES (?, ?)", meta.key, event.owner)


@app.query("smoke.owners")
async def owners(db: ReadDb, limit: int = 10) -> list[str]:
    rows = await db.rows("SELECT owner FROM account ORDER BY key LIMIT ?", limit)
    return [str(owner) for (owner,) in rows]
