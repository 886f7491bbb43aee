"""A whole runtime in memory: nothing on disk, nothing sent, and time in the test's hand."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from twofold import App, Config, Email, EventMeta, Purge, Retry
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.domain import moment
from twofold.actors.effect_consumer import EffectConsumer
from twofold.actors.mail_settings import MailSettings
from twofold.runtime.testing import START, MemoryFolder, MemoryRuntime, VirtualClock

from tests.doubles.accounts import AccountOpened, Deposit, Deposited, OpenAccount, accounts_app
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


def bank() -> App:
    app = accounts_app()

    @app.email("welcome")
    def welcome(event: AccountOpened, meta: EventMeta) -> Email:
        return Email(f"{event.owner}@example.com", f"Account {meta.key}", "Welcome.")

    @app.purge("pages", window="1h")
    def pages(event: Deposited, meta: EventMeta) -> Iterator[Purge]:
        yield Purge(tags=(f"account-{meta.key}",))
        yield Purge(urls=(f"https://elsewhere.example/{meta.key}",))

    return app


async def test_commands_go_all_the_way_and_effects_are_kept_for_the_test() -> None:
    async with MemoryRuntime(bank()) as runtime:
        await runtime.submit(OpenAccount("1", "ada"))
        await runtime.submit(Deposit("1", Decimal(1)))
        await runtime.settled()
        assert (await runtime.query("deposits_of", account="1")).value == 1
        assert runtime.sent.emails == [Email("ada@example.com", "Account 1", "Welcome.")]
        assert runtime.sent.purges == [Purge(tags=("account-1",))]


async def test_what_could_never_be_sent_is_parked_with_the_reason() -> None:
    async with MemoryRuntime(bank()) as runtime:
        await runtime.submit(OpenAccount("1", "ada\nbo"))
        await runtime.submit(Deposit("1", Decimal(1)))
        await runtime.settled()
        assert runtime.sent.emails == []
        mail, purge = await runtime.parked()
        assert (mail.consumer, purge.consumer) == ("welcome", "pages")
        assert "holds a line break" in str(mail.error)
        assert "elsewhere.example" in str(purge.error)


async def test_nothing_lies_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("work", "tmp"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    async with MemoryRuntime(bank()) as runtime:
        await runtime.submit(OpenAccount("1", "ada"))
        await runtime.submit(Deposit("1", Decimal(1)))
        await runtime.settled()
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "tmp", tmp_path / "work"]
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "tmp", tmp_path / "work"]


async def test_no_server_is_asked_whatever_the_settings_say() -> None:
    mail = MailSettings(transport="smtp", host="127.0.0.1", port=1, sender="bank@example.com")
    cdn = CdnSettings("cloudflare", zone_id="0" * 32, zone_url="https://elsewhere.example")
    async with MemoryRuntime(bank(), Config(mail=mail, cdn=cdn)) as runtime:
        await runtime.submit(OpenAccount("1", "ada"))
        await runtime.submit(Deposit("1", Decimal(1)))
        await runtime.settled()
        assert len(runtime.sent.emails) == 1
        assert runtime.sent.purges[1] == Purge(urls=("https://elsewhere.example/1",))


async def test_time_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock()
    async with MemoryRuntime(accounts_app(), clock=clock) as runtime:
        assert runtime.clock is clock
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
        clock.advance(60)
        await runtime.submit(Deposit("1", Decimal(1)), wait="handled")
        opened, paid = await runtime.history("account-1")
        assert opened.time == START
        assert (paid.time - opened.time).total_seconds() == 60
    assert moment(clock.now()) == paid.time


async def test_a_retry_is_made_when_the_time_has_come() -> None:
    app, calls = accounts_app(), list[str]()

    @app.consumer("warehouse", retry=Retry("10s", attempts=2))
    async def warehouse(event: AccountOpened, meta: EventMeta) -> None:
        calls.append(meta.effect_id)
        if len(calls) == 1:
            raise ConnectionError("down")

    async with MemoryRuntime(app) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        actor = cast(EffectConsumer, runtime._pipeline.effects.roles[0].actor)
        await until(lambda: (actor.next_attempt() or 0) > 0)
        await turns()
        assert len(calls) == 1
        runtime.clock.advance(10)
        await runtime.settled()
        assert len(calls) == 2
        assert calls[0] == calls[1]


async def test_a_folder_outlasts_its_runtime() -> None:
    folder = MemoryFolder()
    async with MemoryRuntime(bank(), folder=folder) as runtime:
        await runtime.submit(OpenAccount("1", "ada"), command_id="c")
    async with MemoryRuntime(bank(), folder=folder) as runtime:
        assert (await runtime.submit(OpenAccount("1", "ada"), command_id="c")).repeated
        assert (await runtime.query("accounts")).value == ["1"]
        await runtime.settled()
        assert runtime.sent is folder.sent
        assert len(folder.sent.emails) == 1


async def test_two_runtimes_share_nothing_unless_they_are_told_to() -> None:
    async with MemoryRuntime(bank()) as one, MemoryRuntime(bank()) as other:
        await one.submit(OpenAccount("1", "ada"), wait="projected")
        await one.settled()
        assert (await other.query("accounts")).value == []
        assert (len(one.sent.emails), other.sent.emails) == (1, [])
