"""What the users' validators say: all of it, in order, at once for the whole batch, and each for its own command."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.lowlevel
import pytest
from twofold import CommandIdReused, CommandRefused, Receipt, Reject, ValidatorFailed
from twofold.actors.turns import Turns
from twofold.runtime.testing import MemoryFolder, MemoryRuntime

from tests.doubles.accounts import CloseAccount, Deposit, OpenAccount, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_all_faults_of_all_validators_are_told_in_order() -> None:
    app = accounts_app()

    @app.validate
    def yields_two(command: OpenAccount | Deposit) -> Iterator[Reject]:
        yield Reject("a.first", path="owner", owner="Ada")
        yield Reject("a.second")

    @app.validate
    async def yields_then_raises(command: OpenAccount) -> AsyncIterator[Reject]:
        yield Reject("b.yielded")
        raise Reject("b.raised")

    @app.validate
    def returns(command: OpenAccount) -> list[Reject]:
        return [Reject("c.returned")]

    @app.validate
    async def says_nothing(command: OpenAccount) -> None:
        return None

    async with MemoryRuntime(app) as runtime:
        with pytest.raises(CommandRefused) as refused:
            await runtime.submit(OpenAccount("1", "Ada"))
    codes = [fault.code for fault in refused.value.faults]
    assert codes == ["a.first", "a.second", "b.yielded", "b.raised", "c.returned"]
    assert (refused.value.faults[0].path, refused.value.faults[0].facts) == ("owner", {"owner": "Ada"})


async def test_validators_that_wait_run_at_once_and_the_order_of_the_commands_is_kept() -> None:
    app, together = accounts_app(), list[str]()
    all_there = anyio.Event()

    @app.validate
    async def wait_for_the_others(command: OpenAccount) -> None:
        together.append(command.account)
        if len(together) == 5:
            all_there.set()
        await all_there.wait()

    folder = MemoryFolder()
    async with MemoryRuntime(app, folder=folder) as runtime:
        answers = await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(5)])
        assert [answer.offset for answer in answers if isinstance(answer, Receipt)] == [1, 2, 3, 4, 5]
    logged = await folder.log.read(0, 10)
    assert [each.command.stream for each in logged] == [f"account-{n}" for n in range(5)]


@pytest.mark.parametrize("first", ["good", "bad"])
async def test_a_line_whose_id_is_being_looked_at_for_another_command_holds_up_those_behind_it_in_its_row(
    first: str,
) -> None:
    app, looked_at, row = accounts_app(), list[str](), Turns()

    @app.validate
    async def look(command: OpenAccount) -> list[Reject]:
        looked_at.append(command.account)
        return [Reject("owner.bad")] if command.owner == "bad" else []

    async with MemoryRuntime(app) as runtime:
        other = await runtime.post(OpenAccount("0", first), command_id="1")
        lines = [await runtime.post(OpenAccount(n, "Ada"), command_id=n, turns=row) for n in "123"]
        alone = await runtime.post(OpenAccount("4", "Ada"), command_id="4")
        assert isinstance(await other.answer(), Receipt if first == "good" else CommandRefused)
        assert isinstance(await alone.answer(), Receipt)
        answers = [await line.answer() for line in lines]
        if first == "good":
            assert isinstance(answers.pop(0), CommandIdReused)
        offsets = [answer.offset for answer in answers if isinstance(answer, Receipt)]
    assert offsets == ([3, 4] if first == "good" else [2, 3, 4])
    assert looked_at == ["0", "4", *("23" if first == "good" else "123")]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_validator_that_raises_fails_its_own_command_only(waits: bool) -> None:
    app = accounts_app()
    if waits:

        @app.validate
        async def look_async(command: OpenAccount) -> None:
            if command.owner == "bad":
                raise TimeoutError("of its own making")
    else:

        @app.validate
        def look(command: OpenAccount) -> list[Reject]:
            return [5] if command.owner == "bad" else []  # type: ignore[list-item]

    async with MemoryRuntime(app) as runtime:
        good, bad, closed = await runtime.submit_many(
            [OpenAccount("1", "good"), OpenAccount("2", "bad"), CloseAccount("1")], command_ids=["g", "b", "c"]
        )
        assert isinstance(bad, ValidatorFailed)
        assert bad.validator.startswith("look")
        assert isinstance(good, Receipt)
        assert isinstance(closed, Receipt)
        assert (good.offset, closed.offset) == (1, 2)
        assert runtime.statistics()[0].restarts == 0


async def test_a_validator_whose_wait_is_cancelled_by_another_fails_its_own_command_and_lets_no_other_past() -> None:
    app = accounts_app()

    @app.validate
    async def look(command: OpenAccount) -> list[Reject]:
        if command.owner == "cancelled":
            shared = asyncio.ensure_future(anyio.sleep_forever())
            await anyio.lowlevel.checkpoint()
            shared.cancel()
            await shared
        await anyio.lowlevel.checkpoint()
        return [Reject("owner.bad")] if command.owner == "bad" else []

    async with MemoryRuntime(app) as runtime:
        cancelled, bad, good = await runtime.submit_many(
            [OpenAccount("1", "cancelled"), OpenAccount("2", "bad"), OpenAccount("3", "good")]
        )
        assert isinstance(cancelled, ValidatorFailed)
        assert isinstance(bad, CommandRefused)
        assert isinstance(good, Receipt)
        assert good.offset == 1
