"""The same id, the same answer: at every moment of a command's way, and after any restart."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from msgspec import Struct
from twofold import (
    App,
    Claim,
    CommandIdReused,
    CommandRefused,
    Config,
    Context,
    JsonCommand,
    Receipt,
    Reject,
    Runtime,
)
from twofold.runtime.config import DataSettings, HandlerSettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime
from twofold.stores.errors import StorageFailed
from twofold.stores.records import CommandRecord

from tests.doubles.accounts import AccountOpened, Deposit, OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


async def answers(runtime: Runtime, copies: int, command: object, command_id: str) -> list[Receipt]:
    """Submit `command` many times at once under one id, and return all receipts."""
    receipts: list[Receipt] = []

    async def submit() -> None:
        receipts.append(await runtime.submit(command, command_id=command_id, wait="handled"))

    async with anyio.create_task_group() as tasks:
        for _ in range(copies):
            tasks.start_soon(submit)
    return receipts


async def test_fifty_copies_at_once_are_one_command(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        receipts = await answers(runtime, 50, Deposit("1", Decimal(5)), "d1")
        assert len({receipt.offset for receipt in receipts}) == 1
        assert len({receipt.outcome for receipt in receipts}) == 1
        assert [receipt.repeated for receipt in receipts].count(False) == 1
        assert (await runtime.state("account-1")).state.balance == 5


async def test_a_command_resent_after_its_outcome_and_after_a_restart_gets_that_outcome(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        first = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
        again = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
    async with Runtime(accounts_app(), config) as runtime:
        later = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="projected")
        assert len(await runtime.history("account-1")) == 1
    assert first.outcome == again.outcome == later.outcome
    assert (first.repeated, again.repeated, later.repeated) == (False, True, True)


async def test_a_command_resent_while_it_is_appended_is_accepted_only_with_the_first() -> None:
    plan, folder = Plan(), MemoryFolder()
    gate = plan.hold("append")
    async with Runtime(accounts_app(), open_stores=planned(plan, folder.open)) as runtime:
        receipts: list[Receipt] = []

        async def submit() -> None:
            receipts.append(await runtime.submit(OpenAccount("1", "Ada"), command_id="o1"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(submit)
            await gate.reached.wait()
            tasks.start_soon(submit)
            await turns()
            assert receipts == []
            gate.open()
    assert [receipt.offset for receipt in receipts] == [1, 1]
    assert folder.log.end() == 1


async def test_another_command_under_a_taken_id_is_refused_in_flight_and_afterwards(config: Config) -> None:
    plan = Plan()
    gate = plan.hold("commit")
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
        with pytest.raises(CommandIdReused):
            await runtime.submit(OpenAccount("1", "Eve"), command_id="o1")
        gate.open()
        await runtime.settled()
        with pytest.raises(CommandIdReused):
            await runtime.submit(OpenAccount("1", "Eve"), command_id="o1")
        assert (await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")).offset == 1


async def test_a_false_copy_that_comes_first_takes_no_answer_from_the_true_one(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
        false, true = await runtime.submit_many(
            [OpenAccount("1", "Eve"), OpenAccount("1", "Ada")], command_ids=["o1", "o1"]
        )
    assert isinstance(false, CommandIdReused)
    assert isinstance(true, Receipt)
    assert (true.offset, true.repeated) == (1, True)


async def test_a_refusal_leaves_the_id_free_even_for_one_who_sent_at_the_same_time(config: Config) -> None:
    app = accounts_app()

    @app.validate
    def not_eve(command: OpenAccount) -> list[Reject]:
        return [Reject("owner.unwanted")] if command.owner == "Eve" else []

    async with Runtime(app, config) as runtime:
        refused, taken = await runtime.submit_many(
            [OpenAccount("1", "Eve"), OpenAccount("1", "Ada")], command_ids=["o1", "o1"]
        )
        assert isinstance(refused, CommandRefused)
        assert isinstance(taken, Receipt)
        assert not taken.repeated
        with pytest.raises(CommandRefused):
            await runtime.submit(OpenAccount("2", "Eve"), command_id="o2")
        assert (await runtime.submit(OpenAccount("2", "Ada"), command_id="o2")).offset == 2


async def test_the_order_is_schema_then_id_then_validators(config: Config) -> None:
    app, asked = accounts_app(), list[str]()

    @app.validate
    def note(command: OpenAccount) -> list[Reject]:
        asked.append(command.owner)
        return [Reject("too.late")] if len(asked) > 1 else []

    async with Runtime(app, config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
        with pytest.raises(CommandRefused) as refused:  # a fault of form, though the id stands for another
            await runtime.submit(JsonCommand("account.open", b'{"account": "1", "owner": 5}'), command_id="o1")
        assert [(fault.code, fault.path) for fault in refused.value.faults] == [("schema", "owner")]
        assert (await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")).repeated
        with pytest.raises(CommandIdReused):
            await runtime.submit(OpenAccount("1", "Eve"), command_id="o1")
    assert asked == ["Ada"], "no validator is asked about an id that has its answer"


class Note(Struct, frozen=True):
    account: str
    amount: Decimal = Decimal(0)
    text: str = ""
    ratio: float = 0.0
    tags: frozenset[str] = frozenset()
    labels: dict[str, int] = {}
    at: datetime | None = None


def notes_app() -> App:
    app = App("notes")
    decider = app.decider(
        "account", State, key="account", commands={"note": Note}, events={"account.opened": AccountOpened}
    )

    @decider.decide
    def decide(state: State, command: Note, context: Context) -> list[AccountOpened | Claim]:
        return []

    @decider.evolve
    def evolve(state: State, event: AccountOpened) -> State:
        return state

    return app


class State(Struct, frozen=True):
    pass


SAME = [
    (b'{"account": "1", "amount": "2.5"}', b'{"account": "1", "amount": "2.50"}'),
    (b'{"account": "1", "amount": 100}', b'{"amount": "1E+2", "account": "1"}'),
    (b'{"account": "1", "ratio": 1}', b'{"account": "1", "ratio": 1.0}'),
    (b'{"account": "1", "ratio": 0.0}', b'{"account": "1", "ratio": -0.0}'),
    (b'{"account": "1", "tags": ["a", "b"]}', b'{"account": "1", "tags": ["b", "a", "b"]}'),
    (b'{"account": "1", "labels": {"a": 1, "b": 2}}', b'{"account": "1", "labels": {"b": 2, "a": 1}}'),
    (b'{"account": "1", "at": "2026-01-01T12:00:00Z"}', b'{"account": "1", "at": "2026-01-01T14:00:00+02:00"}'),
    (b'{"account": "1", "unknown": 5}', b'{ "account": "\\u0031" }'),
]
DIFFERENT = [
    (b'{"account": "1", "text": "2.5"}', b'{"account": "1", "text": "2.50"}'),
    (b'{"account": "1", "at": "2026-01-01T12:00:00Z"}', b'{"account": "1", "at": "2026-01-01T12:00:00"}'),
    (b'{"account": "1", "amount": "2.5"}', b'{"account": "1", "amount": "2.51"}'),
    (b'{"account": "1"}', b'{"account": "2"}'),
]


@pytest.mark.parametrize(("first", "second"), SAME)
async def test_what_is_equal_after_decoding_is_the_same_command(first: bytes, second: bytes) -> None:
    async with MemoryRuntime(notes_app()) as runtime:
        await runtime.submit(JsonCommand("note", first), command_id="n")
        assert (await runtime.submit(JsonCommand("note", second), command_id="n")).repeated


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
async def test_what_differs_after_decoding_is_another_command(first: bytes, second: bytes) -> None:
    async with MemoryRuntime(notes_app()) as runtime:
        await runtime.submit(JsonCommand("note", first), command_id="n")
        with pytest.raises(CommandIdReused):
            await runtime.submit(JsonCommand("note", second), command_id="n")


async def test_a_crash_between_log_and_commit_leaves_each_command_handled_once(config: Config) -> None:
    plan = Plan()
    plan.fail("commit", StorageFailed("write.db", "commit", "made to fail"))
    with pytest.raises(StorageFailed):  # noqa: PT012 - the failure comes out of the block
        async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
            await anyio.sleep_forever()
    async with Runtime(accounts_app(), config) as runtime:
        again = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
        assert (again.offset, again.repeated) == (1, True)
        assert len(await runtime.history("account-1")) == 1


async def test_what_was_under_way_at_a_crash_keeps_its_id_from_the_first_moment(config: Config) -> None:
    plan = Plan()
    plan.fail("commit", StorageFailed("write.db", "commit", "made to fail"))
    with pytest.raises(StorageFailed):  # noqa: PT012 - the failure comes out of the block
        async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")
            await anyio.sleep_forever()
    plan = Plan()
    gate = plan.hold("commit")  # so that it is in flight when it is sent again
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        with pytest.raises(CommandIdReused):
            await runtime.submit(OpenAccount("1", "Eve"), command_id="o1")
        assert (await runtime.submit(OpenAccount("1", "Ada"), command_id="o1")).repeated
        gate.open()


async def test_what_the_handler_handles_while_the_validator_reads_back_is_under_way_no_more() -> None:
    plan, folder = Plan(), MemoryFolder()
    async with MemoryRuntime(accounts_app(), folder=folder) as before:
        await before.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
    data = b'{"account":"1","amount":"5"}'
    await folder.log.append([CommandRecord("d1", "account.deposit", "account-1", data, b"digest", 1)])
    gate = plan.hold("log_read/1000")  # the validator's look at what is unhandled; the handler reads in fewer
    config = Config(handler=HandlerSettings(batch=7))
    runtime = Runtime(accounts_app(), config, open_stores=planned(plan, folder.open))

    async def read_back_only_when_it_is_handled() -> None:
        await gate.reached.wait()
        await until(lambda: runtime._pipeline.handled.value == 2)
        gate.open()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_back_only_when_it_is_handled)
        async with runtime:
            assert runtime._pipeline.in_flight._flights == {}
            assert runtime._pipeline.in_flight.logged == 0


async def test_an_id_that_stands_twice_in_the_log_gets_one_outcome_and_one_set_of_events() -> None:
    folder = MemoryFolder()
    data = b'{"account":"1","owner":"Ada"}'
    record = CommandRecord("o1", "account.open", "account-1", data, b"digest", 1)
    other = CommandRecord("o2", "account.open", "account-2", data.replace(b"1", b"2"), b"digest", 1)
    await folder.log.append([record, other, record])
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        await runtime.settled()
        outcome = await runtime.outcome("o1")
        assert outcome is not None
        assert (outcome.status, outcome.offset, outcome.events) == ("handled", 1, 1)
        assert len(await runtime.history("account-1")) == 1
        assert len(await runtime.history("account-2")) == 1
        assert runtime._pipeline.in_flight._flights == {}
