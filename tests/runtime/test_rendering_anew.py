"""An operator's retry of what could not be rendered: rendered anew once the domain is mended, by the command line."""

from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.doubles.command_line import CommandLine

pytestmark = pytest.mark.timeout(120)

DOMAIN = """
from collections.abc import Iterator

from tests.doubles.accounts import AccountOpened, accounts_app
from twofold import Email, EventMeta

app = accounts_app()


@app.email("welcome")
def welcome(event: AccountOpened, meta: EventMeta) -> list[Email]:
    {body}
"""
MAIL = 'Email(to="{}@example.com", subject="Welcome", text=meta.key, sender="bank@example.com")'


@pytest.fixture
def bank(tmp_path: Path) -> CommandLine:
    (tmp_path / "config.toml").write_text('[app]\ndomain = "bank:app"\n', encoding="utf-8")
    return CommandLine(tmp_path / "data", tmp_path / "config.toml")


def renders(bank: CommandLine, body: str) -> None:
    bank.config.with_name("bank.py").write_text(DOMAIN.format(body=body), encoding="utf-8")


def open_accounts(bank: CommandLine, *keys: str) -> None:
    lines = (f'{{"type":"account.open","id":"{key}","data":{{"account":"{key}","owner":"Ada"}}}}\n' for key in keys)
    sent = bank.run("send", "-", "--settle", stdin="".join(lines).encode())
    assert sent.code == ExitCode.DONE, sent


def ids(bank: CommandLine) -> list[str]:
    return [each["effect_id"] for each in bank.run("effects", "list", "--json").answer]


def states(bank: CommandLine) -> list[tuple[int, int, str]]:
    return [(each["position"], each["ordinal"], each["state"]) for each in bank.run("effects", "list", "--json").answer]


def mails(bank: CommandLine) -> set[str]:
    return {file.stem for file in (bank.data / "outbox").glob("*.eml")}


def test_what_raised_is_rendered_once_the_domain_is_mended_and_sent_once_under_its_own_id(bank: CommandLine) -> None:
    renders(bank, 'raise ValueError("a bug")')
    open_accounts(bank, "1", "2")
    assert states(bank) == [(1, 0, "parked"), (2, 0, "parked")]
    entered = ids(bank)

    renders(bank, 'raise ValueError("another bug")')
    retried = bank.run("effects", "retry", "--consumer", "welcome")
    assert retried.code == ExitCode.NOT_DONE
    assert "2 tried again, 2 parked once more" in retried.out
    assert "another bug" in retried.out

    two = MAIL.format("ada"), MAIL.format("bo")
    renders(bank, f'return [{two[0]}, {two[1]}] if meta.key == "1" else []')
    retried = bank.run("effects", "retry", entered[0])
    assert (retried.code, "1 tried again, 0 parked once more" in retried.out) == (ExitCode.DONE, True), retried
    assert states(bank) == [(1, 0, "done"), (1, 1, "done"), (2, 0, "parked")]
    first, more, second = ids(bank)
    assert ([first, second], mails(bank)) == (entered, {first, more})

    assert bank.run("effects", "retry", "--consumer", "welcome").code == ExitCode.DONE
    assert states(bank)[-1] == (2, 0, "discarded")
    verified = bank.run("verify")
    assert verified.code == ExitCode.DONE, verified
