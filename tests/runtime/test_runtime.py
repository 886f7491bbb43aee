"""Commands on their way through the whole of it: accepted when durable, handled once, in order, in whole batches."""

import threading
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from twofold import Config, Receipt, Runtime
from twofold.runtime.config import DataSettings, HandlerSettings, ProjectorSettings, ValidatorSettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime, VirtualClock
from twofold.stores.errors import CommitRefused, Locked, WrongCursor
from twofold.stores.records import CommandRecord
from twofold.stores.sqlite.event_store import SqliteEventStore

from tests.doubles.accounts import Account, Deposit, OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_nothing_is_accepted_before_the_append_has_returned(config: Config) -> None:
    plan = Plan()
    gate = plan.hold("append")
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        receipts: list[Receipt] = []

        async def submit() -> None:
            receipts.append(await runtime.submit(OpenAccount("1", "Ada")))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(submit)
            await gate.reached.wait()
            await turns()
            assert receipts == []
            gate.open()
        assert (receipts[0].offset, receipts[0].stage) == (1, "accepted")


async def test_a_caller_cancelled_in_the_middle_of_an_append_loses_no_command(config: Config) -> None:
    plan = Plan()
    gate = plan.hold("append")
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: runtime.submit(OpenAccount("1", "Ada"), command_id="o1"))
            await gate.reached.wait()
            tasks.cancel_scope.cancel()
        gate.open()
        again = await runtime.submit(OpenAccount("1", "Ada"), command_id="o1", wait="handled")
        assert (again.offset, again.repeated) == (1, True)
        assert len(await runtime.history("account-1")) == 1


async def test_commands_are_handled_in_log_order_and_positions_have_no_gap(config: Config) -> None:
    config = Config(data=config.data, handler=HandlerSettings(batch=7), validator=ValidatorSettings(batch=5))
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(3)])
        answers = await runtime.submit_many([Deposit(str(n % 3), Decimal(n + 1)) for n in range(60)], wait="handled")
        receipts = [answer for answer in answers if isinstance(answer, Receipt)]
        assert [receipt.offset for receipt in receipts] == list(range(4, 64))
        assert [receipt.position for receipt in receipts] == list(range(4, 64))
        events = await runtime._stores.events.read(0, 1000)
        assert [event.position for event in events] == list(range(1, 64))
        for n in range(3):
            versions = [event.version for event in await runtime.history(f"account-{n}")]
            assert versions == list(range(1, len(versions) + 1))


async def test_a_batch_is_committed_in_one_piece() -> None:
    plan, folder = Plan(), MemoryFolder()
    await folder.log.append([opening(str(n)) for n in range(10)])
    async with Runtime(accounts_app(), open_stores=planned(plan, folder.open)) as runtime:
        await runtime.settled()
    (commit,) = plan.commits
    assert (commit.cursor_before, commit.cursor_after) == (0, 10)
    assert (len(commit.events), len(commit.states), len(commit.outcomes)) == (10, 10, 10)


async def test_a_failed_commit_leaves_neither_rows_nor_a_changed_cache_behind(config: Config) -> None:
    plan, clock = Plan(), VirtualClock()
    async with Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
        plan.fail("commit", WrongCursor("handler", 1, 2))
        await runtime.submit(Deposit("1", Decimal(5)))
        await until(lambda: runtime.statistics()[1].state == "restarting")
        async with await read_only(config) as rows:
            assert (await rows.cursor(), (await rows.head()).position) == (1, 1)
        await until(lambda: clock._timers)
        clock.advance(1)
        await runtime.settled()
        assert (await runtime.state("account-1")).state == Account("Ada", Decimal(5), 1)
        assert runtime.statistics()[1].restarts == 1


class read_only:  # noqa: N801 - used as a function is
    """The write database beside the process that runs it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def __await__(self):  # type: ignore[no-untyped-def]
        return self._open().__await__()

    async def _open(self) -> "read_only":
        self._store = await SqliteEventStore.open_read_only(self._config.data.dir / "write.db")
        return self

    async def __aenter__(self) -> SqliteEventStore:
        return self._store

    async def __aexit__(self, *_: object) -> None:
        await self._store.close()


async def test_a_refused_commit_is_made_again_one_command_at_a_time() -> None:
    plan, folder = Plan(), MemoryFolder()
    await folder.log.append([opening(str(n)) for n in range(4)])
    refused = CommitRefused("made to fail")
    plan.fail("commit", refused, None, refused)  # the four at once, and then the second by itself
    async with Runtime(accounts_app(), open_stores=planned(plan, folder.open)) as runtime:
        await runtime.settled()
        outcomes = [await runtime.outcome(str(n)) for n in range(4)]
        assert [outcome.status for outcome in outcomes if outcome] == ["handled", "failed", "handled", "handled"]
        assert (await runtime.query("accounts")).value == ["0", "2", "3"]
    assert [(commit.cursor_before, commit.cursor_after) for commit in plan.commits] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def opening(account: str) -> CommandRecord:
    data = b'{"account":"%s","owner":"Ada"}' % account.encode()
    return CommandRecord(account, "account.open", f"account-{account}", data, b"digest", 1)


async def test_a_conflict_with_the_expected_version_changes_nothing_and_says_the_actual_one(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        met = await runtime.submit(Deposit("1", Decimal(1)), expected_version=1, wait="handled")
        missed = await runtime.submit(Deposit("1", Decimal(2)), expected_version=1, wait="handled")
        assert met.outcome is not None
        assert missed.outcome is not None
        assert (met.outcome.status, missed.outcome.status) == ("handled", "conflict")
        assert missed.outcome.faults[0].facts == {"expected": 1, "actual": 2}
        assert (await runtime.state("account-1")).state.balance == 1


async def test_a_claimed_value_belongs_to_one_stream(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        first, second = await runtime.submit_many(
            [OpenAccount("1", "Ada", "a@example.org"), OpenAccount("2", "Eve", "a@example.org")], wait="handled"
        )
        later = await runtime.submit(OpenAccount("3", "Eve", "a@example.org"), wait="handled")
        statuses = [r.outcome.status for r in (first, second, later) if isinstance(r, Receipt) and r.outcome]
        assert statuses == ["handled", "rejected", "rejected"]


async def test_two_runtimes_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    one, two = (Config(data=DataSettings(dir=tmp_path / name)) for name in ("one", "two"))
    app = accounts_app()
    async with Runtime(app, one) as first, Runtime(app, two) as second:
        await first.submit(OpenAccount("1", "Ada"), command_id="o1", wait="projected")
        receipt = await second.submit(OpenAccount("1", "Eve"), command_id="o1", wait="projected")
        assert (receipt.offset, receipt.repeated) == (1, False)
        assert (await first.state("account-1")).state.owner == "Ada"
    with pytest.raises(Locked):
        async with Runtime(app, one), Runtime(app, one):
            pass


async def test_it_runs_on_stores_in_memory_too() -> None:
    folder = MemoryFolder()
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        assert (await runtime.query("accounts")).value == ["1"]


async def test_statistics_tell_how_far_each_role_is_behind(config: Config) -> None:
    config = Config(data=config.data, projector=ProjectorSettings(batch=1))
    plan, clock = Plan(), VirtualClock()
    apply = plan.hold("apply")
    async with Runtime(accounts_app(), config, open_stores=planned(plan), clock=clock) as runtime:
        await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(3)], wait="handled")
        await apply.reached.wait()
        clock.advance(5)
        validator, handler, projector = runtime.statistics()
        assert (validator.state, handler.state, projector.state) == ("running", "running", "running")
        assert (handler.cursor, handler.lag, handler.lag_seconds) == (3, 0, 0.0)
        assert (projector.cursor, projector.lag, projector.lag_seconds) == (0, 3, 5.0)
        assert handler.per_second == pytest.approx(0.3)
        assert projector.mailbox == 2
        apply.open()
        await runtime.settled()
        assert (runtime.statistics()[2].lag, runtime.statistics()[2].lag_seconds) == (0, 0.0)


async def test_no_task_and_no_thread_outlives_a_runtime(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:  # the first one starts the pool of worker threads
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    tasks, threads = len(anyio.get_running_tasks()), threading.active_count()
    for _ in range(3):
        async with Runtime(accounts_app(), config) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    assert len(anyio.get_running_tasks()) == tasks
    assert threading.active_count() <= threads
