"""Accounts whose owner gets a letter at each event: a domain in which one stream has several e-mails."""

from twofold import Email, EventMeta

from tests.doubles.accounts import AccountOpened, Deposited, accounts_app

__all__ = ["app"]

app = accounts_app()


@app.email("letters", from_start=True)
def letter(event: AccountOpened | Deposited, meta: EventMeta) -> Email:
    """Tell the owner; the key of the account is the name before the @."""
    return Email(to=f"{meta.key}@example.com", subject=f"{meta.key} {meta.version}", text=meta.type)
