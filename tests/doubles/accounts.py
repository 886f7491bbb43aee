"""A small domain: accounts that are opened, paid into and closed, with a read side of their balances."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from twofold import App, Claim, Context, EventMeta, ReadDb, Reject, Statement, sql
from twofold.runtime.decider import Decider
from twofold.runtime.projection import Projection


class OpenAccount(Struct, frozen=True):
    account: str
    owner: str
    email: str | None = None


class Deposit(Struct, frozen=True):
    account: str
    amount: Decimal
    note: str = ""


class CloseAccount(Struct, frozen=True):
    account: str


class AccountOpened(Struct, frozen=True):
    owner: str


class Deposited(Struct, frozen=True):
    amount: Decimal


class AccountClosed(Struct, frozen=True):
    pass


class Account(Struct, frozen=True):
    owner: str = ""
    balance: Decimal = Decimal(0)
    deposits: int = 0
    email: str | None = None


SCHEMA = "CREATE TABLE balance(account TEXT PRIMARY KEY, amount TEXT NOT NULL, deposits INTEGER NOT NULL) STRICT"
AccountEvent = AccountOpened | Deposited | AccountClosed
AccountCommand = OpenAccount | Deposit | CloseAccount


def decide(state: Account, command: AccountCommand, context: Context) -> list[AccountEvent | Claim]:
    match command:
        case OpenAccount() if state.owner:
            raise Reject("account.exists", path="account", owner=state.owner)
        case OpenAccount():
            claims = [] if command.email is None else [Claim.take("email", command.email)]
            return [AccountOpened(command.owner), *claims]
        case Deposit() if not state.owner:
            raise Reject("account.unknown", path="account")
        case Deposit():
            return [Deposited(command.amount)]
        case CloseAccount():
            return [AccountClosed()]


def evolve(state: Account, event: AccountEvent) -> Account:
    match event:
        case AccountOpened():
            return Account(event.owner)
        case Deposited():
            return Account(state.owner, state.balance + event.amount, state.deposits + 1)
        case AccountClosed():
            return Account()


def project_account(event: AccountOpened | Deposited | AccountClosed, meta: EventMeta) -> Iterator[Statement]:
    match event:
        case AccountOpened():
            yield sql("INSERT INTO balance VALUES (?, '0', 0)", meta.key)
        case Deposited():
            amount = str(event.amount)
            yield sql("UPDATE balance SET amount = ?, deposits = deposits + 1 WHERE account = ?", amount, meta.key)
        case AccountClosed():
            yield sql("DELETE FROM balance WHERE account = ?", meta.key)


async def deposits_of(db: ReadDb, account: str) -> int | None:
    found: int | None = await db.value("SELECT deposits FROM balance WHERE account = ?", account)
    return found


async def accounts(db: ReadDb) -> list[str]:
    return [row[0] for row in await db.rows("SELECT account FROM balance ORDER BY account")]


def accounts_decider(app: App) -> Decider[Account]:
    return app.decider(
        "account",
        Account,
        key="account",
        commands={"account.open": OpenAccount, "account.deposit": Deposit, "account.close": CloseAccount},
        events={"account.opened": AccountOpened, "account.deposited": Deposited, "account.closed": AccountClosed},
    )


def accounts_projection(app: App, version: int = 1) -> Projection:
    return app.projection("balances", version=version, schema=SCHEMA)


def accounts_app() -> App:
    """Return the whole domain, new, so that a test may register more with it."""
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)
    decider.evolve(evolve)
    accounts_projection(app).on(project_account)
    app.query("deposits_of")(deposits_of)
    app.query("accounts")(accounts)
    return app
