"""What happened in a stream and what it was at any version or time, read from the events."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import Struct
from twofold import App, Config, Context, NoSuchVersion, Runtime, UnknownStream, UnreadableStream
from twofold.runtime import history
from twofold.runtime.config import DataSettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime, VirtualClock
from twofold.stores.records import CommandRecord

from tests.doubles.accounts import Account, AccountOpened, Deposit, Deposited, OpenAccount, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

START = datetime(2011, 1, 1, tzinfo=UTC)
MICROSECONDS = int(START.timestamp() * 1_000_000)


async def three_days(folder: MemoryFolder) -> None:
    """Open an account on the first day, and pay 1 into it on the second and 2 on the third."""
    clock = VirtualClock(START)
    async with MemoryRuntime(accounts_app(), clock=clock, folder=folder) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled", principal="ada")
        for amount in (1, 2):
            clock.advance(86_400)
            await runtime.submit(Deposit("1", Decimal(amount)), wait="handled", correlation_id="payday")


async def test_a_history_is_told_in_parts() -> None:
    async with Runtime(accounts_app(), open_stores=MemoryFolder().open) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        await runtime.submit_many([Deposit("1", Decimal(amount)) for amount in (1, 2, 3)], wait="handled")
        parts = [await runtime.history("account-1", after=after, limit=2) for after in (0, 2, 4, 9)]
        assert [[event.version for event in part] for part in parts] == [[1, 2], [3, 4], [], []]
        with pytest.raises(UnknownStream):
            await runtime.history("account-2", after=1)


async def test_a_history_tells_what_happened_when_and_by_whom() -> None:
    folder = MemoryFolder()
    await three_days(folder)
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        opened, first, second = await runtime.history("account-1")
    assert (opened.event, first.event, second.event) == (
        AccountOpened("Ada"),
        Deposited(Decimal(1)),
        Deposited(Decimal(2)),
    )
    assert (opened.command_id, opened.principal, opened.offset, opened.position) == ("o1", "ada", 1, 1)
    assert (first.version, first.correlation_id, first.type) == (2, "payday", "account.deposited")
    assert second.time == START + timedelta(days=2)


@pytest.mark.parametrize("at_once", [1, 2, 1000])
async def test_a_state_is_told_at_any_version_and_time(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(history, "_READ_AT_ONCE", at_once)
    folder = MemoryFolder()
    await three_days(folder)
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        balances = [(await runtime.state("account-1", version=version)).state.balance for version in range(4)]
        assert balances == [0, 0, 1, 3]
        assert (await runtime.state("account-1", version=0)).state == Account()
        for days, balance, version in ((-1, 0, 0), (0, 0, 1), (1, 1, 2), (1.5, 1, 2), (9, 3, 3)):
            found = await runtime.state("account-1", at=START + timedelta(days=days))
            assert (found.state.balance, found.version) == (balance, version)
        with pytest.raises(NoSuchVersion) as error:
            await runtime.state("account-1", version=4)
        assert error.value.newest == 3


async def test_a_wall_clock_that_went_back_leaves_no_gap_in_a_state() -> None:
    folder = MemoryFolder()
    opened = b'{"account":"1","owner":"Ada"}'
    paid = b'{"account":"1","amount":"5"}'
    times = (MICROSECONDS, MICROSECONDS + 10_000_000, MICROSECONDS + 5_000_000)
    await folder.log.append(
        [
            CommandRecord("o1", "account.open", "account-1", opened, b"digest", times[0]),
            CommandRecord("d1", "account.deposit", "account-1", paid, b"digest", times[1]),
            CommandRecord("d2", "account.deposit", "account-1", paid, b"digest", times[2]),
        ]
    )
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        await runtime.settled()
        found = await runtime.state("account-1", at=START + timedelta(seconds=7))
    assert (found.version, found.state.balance) == (1, 0), "the third event follows the second, which is later"


async def test_what_was_asked_wrongly_is_said(tmp_path: Path) -> None:
    async with Runtime(accounts_app(), Config(data=DataSettings(dir=tmp_path / "data"))) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
        for stream in ("account-2", "nothing-1", "account", ""):
            with pytest.raises(UnknownStream):
                await runtime.state(stream)
            with pytest.raises(UnknownStream):
                await runtime.history(stream)
        with pytest.raises(ValueError, match="by version or by time"):
            await runtime.state("account-1", version=1, at=START)
        with pytest.raises(ValueError, match="time zone"):
            await runtime.state("account-1", at=datetime(2011, 1, 1))  # noqa: DTZ001 - that is the point
        with pytest.raises(ValueError, match="0 or more"):
            await runtime.state("account-1", version=-1)


async def test_a_state_told_is_that_which_the_handler_keeps(tmp_path: Path) -> None:
    async with Runtime(accounts_app(), Config(data=DataSettings(dir=tmp_path / "data"))) as runtime:
        await runtime.submit_many([OpenAccount("1", "Ada"), *(Deposit("1", Decimal(n)) for n in range(50))])
        await runtime.settled()
        kept = (await runtime._stores.events.states(["account-1"]))["account-1"]
        decider = runtime._domain.deciders["account"]
        assert decider.state.decode(kept.data.encode()) == (await runtime.state("account-1")).state
        assert kept.version == 51


class Borrow(Struct, frozen=True):
    member: str
    book: str = ""


class Borrowed(Struct, frozen=True):
    book: str


class BorrowedLater(Struct, frozen=True):
    book: str
    until: int


class Member(Struct, frozen=True):
    books: tuple[str, ...] = ()


def library(*, event: type = Borrowed, refused: str = "") -> App:
    app = App("library")
    member = app.decider(
        "member", Member, key="member", commands={"book.borrow": Borrow}, events={"book.borrowed": event}
    )

    def decide(state: Member, command: Borrow, context: Context) -> list[Borrowed]:
        return [Borrowed(command.book)]

    def evolve(state: Member, event: Borrowed) -> Member:
        if event.book == refused:
            raise KeyError(event.book)
        return Member((*state.books, event.book))

    evolve.__annotations__["event"] = event
    member.decide(decide)
    member.evolve(evolve)
    return app


async def borrowed(folder: MemoryFolder) -> None:
    async with MemoryRuntime(library(), folder=folder) as runtime:
        for book in ("Emma", "Kim"):
            await runtime.submit(Borrow("ada", book), wait="handled")


async def test_an_event_whose_schema_changed_is_named_with_its_place_and_what_to_do() -> None:
    folder = MemoryFolder()
    await borrowed(folder)
    async with MemoryRuntime(library(event=BorrowedLater), folder=folder) as runtime:
        for ask in (runtime.history, runtime.state):
            with pytest.raises(UnreadableStream, match=r"does not decode: .*`until`.* Register the event as") as raised:
                await ask("member-ada")
            assert str(raised.value).startswith("member-ada cannot be read: its event at version 1 (book.borrowed) ")


async def test_an_event_at_which_evolve_raises_is_named_and_what_lies_before_it_can_be_seen() -> None:
    folder = MemoryFolder()
    await borrowed(folder)
    async with MemoryRuntime(library(refused="Kim"), folder=folder) as runtime:
        with pytest.raises(
            UnreadableStream, match=r"version 2 \(book\.borrowed\) makes evolve raise KeyError\('Kim'\)"
        ):
            await runtime.state("member-ada")
        assert (await runtime.state("member-ada", version=1)).state == Member(("Emma",))
        assert len(await runtime.history("member-ada")) == 2
