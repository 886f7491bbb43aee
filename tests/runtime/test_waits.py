"""How long a caller waits, and what it is told: on a clock that stands still until the test moves it."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from twofold import Config, NotProjected, OutcomeUnknown, Receipt, Reject, Runtime, ValidatorTimeout
from twofold.runtime.config import DataSettings
from twofold.runtime.testing import VirtualClock

from tests.doubles.accounts import OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


class Caller:
    """One submission in a task of its own, and what came of it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.answer: Receipt | Exception | None = None

    async def submit(self, command: object, **more: object) -> None:
        try:
            self.answer = await self.runtime.submit(command, **more)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.answer = error

    def receipt(self) -> Receipt:
        assert isinstance(self.answer, Receipt), self.answer
        return self.answer


async def test_a_wait_for_the_handler_that_runs_out_says_so_with_the_offset(config: Config) -> None:
    plan, clock = Plan(), VirtualClock()
    commit = plan.hold("commit")
    async with (
        Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime,
        anyio.create_task_group() as tasks,
    ):
        caller = Caller(runtime)
        tasks.start_soon(lambda: caller.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled", timeout=2.0))
        await commit.reached.wait()
        clock.advance(1.9)
        await turns()
        assert caller.answer is None
        clock.advance(0.1)
        await until(lambda: caller.answer)
        receipt = caller.receipt()
        assert (receipt.offset, receipt.stage, receipt.timed_out, receipt.outcome) == (1, "accepted", True, None)
        commit.open()
        handled = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
        assert (handled.offset, handled.stage, handled.timed_out) == (1, "handled", False)


async def test_a_wait_for_the_projection_that_runs_out_has_the_outcome(config: Config) -> None:
    plan, clock = Plan(), VirtualClock()
    apply = plan.hold("apply")
    async with (
        Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime,
        anyio.create_task_group() as tasks,
    ):
        caller = Caller(runtime)
        tasks.start_soon(lambda: caller.submit(OpenAccount("1", "Ada"), wait="projected", timeout=2.0))
        await apply.reached.wait()
        clock.advance(2.0)
        await until(lambda: caller.answer)
        receipt = caller.receipt()
        assert (receipt.stage, receipt.timed_out, receipt.position) == ("handled", True, 1)
        more = [await runtime.submit(OpenAccount(str(n), "Ada"), wait="handled") for n in range(2, 9)]
        assert [receipt.position for receipt in more] == list(range(2, 9)), "commands go on"
        apply.open()
        answer = await runtime.query("accounts", min_position=more[-1].position)
        assert len(answer.value) == 8


async def test_what_is_answered_projected_is_there_to_be_read(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        for n in range(20):
            receipt = await runtime.submit(OpenAccount(str(n), "Ada"), wait="projected")
            assert receipt.stage == "projected"
            answer = await runtime.query("accounts")
            assert str(n) in answer.value
            assert answer.position >= receipt.position


async def test_a_wait_that_runs_out_before_anything_is_durable_says_that_it_is_unknown(config: Config) -> None:
    plan, clock = Plan(), VirtualClock()
    append = plan.hold("append")
    async with (
        Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime,
        anyio.create_task_group() as tasks,
    ):
        caller = Caller(runtime)
        tasks.start_soon(lambda: caller.submit(OpenAccount("1", "Ada"), timeout=1.0))
        await append.reached.wait()
        clock.advance(1.0)
        await until(lambda: caller.answer)
        assert isinstance(caller.answer, OutcomeUnknown)
        append.open()
        again = await runtime.submit(OpenAccount("1", "Ada"), command_id=caller.answer.command_id)
        assert (again.offset, again.repeated) == (1, True), "the id that was made here can be asked for"


async def test_a_query_for_a_position_that_is_not_reached_in_time_says_where_it_is(config: Config) -> None:
    clock = VirtualClock()
    async with (
        Runtime(accounts_app(), config, clock=clock) as runtime,
        anyio.create_task_group() as tasks,
    ):
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        raised: list[NotProjected] = []

        async def ask() -> None:
            try:
                await runtime.query("accounts", min_position=2, timeout=3.0)
            except NotProjected as error:
                raised.append(error)

        tasks.start_soon(ask)
        await until(lambda: runtime._pipeline.projected._waiting)
        clock.advance(2.9)
        await turns()
        assert raised == []
        clock.advance(0.1)
        await until(lambda: raised)
        assert (raised[0].wanted, raised[0].reached) == (2, 1)


async def test_a_validator_past_its_time_refuses_its_own_command_only(config: Config) -> None:
    app, clock, begun = accounts_app(), VirtualClock(), list[str]()

    @app.validate
    async def ask_around(command: OpenAccount) -> AsyncIterator[Reject]:
        begun.append(command.owner)
        if command.owner == "slow":
            await anyio.sleep_forever()
            yield Reject("never")

    async with (
        Runtime(app, config, clock=clock) as runtime,
        anyio.create_task_group() as tasks,
    ):
        slow, quick = Caller(runtime), Caller(runtime)
        tasks.start_soon(lambda: slow.submit(OpenAccount("1", "slow"), command_id="s"))
        tasks.start_soon(lambda: quick.submit(OpenAccount("2", "quick")))
        await until(lambda: len(begun) == 2)
        clock.advance(1.0)
        await until(lambda: slow.answer and quick.answer)
        assert isinstance(slow.answer, ValidatorTimeout)
        assert (slow.answer.validator, slow.answer.seconds) == ("ask_around", 1.0)
        assert quick.receipt().stage == "accepted"
        assert len(begun) == 2, "they ran at once"
        assert "s" not in runtime._pipeline.in_flight._flights, "the id of the refused one is free"


async def test_many_waits_of_different_lengths_each_run_out_in_their_own_time(config: Config) -> None:
    plan, clock = Plan(), VirtualClock()
    commit = plan.hold("commit")
    async with (
        Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime,
        anyio.create_task_group() as tasks,
    ):
        callers = [Caller(runtime) for _ in range(4)]
        for seconds, caller in enumerate(callers, 1):

            def submit(caller: Caller = caller, seconds: int = seconds):  # type: ignore[no-untyped-def]
                return caller.submit(OpenAccount(str(seconds), "Ada"), wait="handled", timeout=float(seconds))

            tasks.start_soon(submit)
        await commit.reached.wait()
        await until(lambda: runtime._pipeline.in_flight.logged == 4)
        for expired in (1, 2, 3, 4):
            clock.advance(1.0)
            await turns()
            assert [caller.answer is not None for caller in callers] == [n < expired for n in range(4)]
        commit.open()
