"""The read database is rebuilt while it serves: no query fails or goes back, no effect fires, nothing is lost."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from twofold import App, Config, EventMeta, NotRunning, Runtime, Statement, sql
from twofold.actors.filling import RebuildProgress
from twofold.actors.projector import ProjectionFailed
from twofold.actors.rebuilder import RebuildStopped
from twofold.runtime.config import DataSettings
from twofold.runtime.rebuilds import RebuildUnderWay
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.verification import verify
from twofold.stores.errors import DiskFull, NoPreviousGeneration, StorageFailed

from tests.doubles.accounts import AccountOpened, Deposit, OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


def rows(file: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as reader:
        return reader.execute("SELECT * FROM balance ORDER BY account").fetchall()


async def fill(runtime: Runtime, accounts: int) -> None:
    """Open `accounts` and pay into each of them."""
    names = [str(number) for number in range(accounts)]
    await runtime.submit_many([OpenAccount(name, "Ada") for name in names])
    await runtime.submit_many([Deposit(name, Decimal(3)) for name in names], wait="projected")


def generation(config: Config, number: int) -> Path:
    return config.data.dir / "read" / f"generation-{number:06}.db"


async def test_a_rebuild_makes_the_same_rows_in_a_new_file_and_tells_how_far_it_is(config: Config) -> None:
    seen: list[RebuildProgress] = []
    async with Runtime(accounts_app(), config) as runtime:
        await fill(runtime, 1_500)
        rebuilt = await runtime.rebuild(seen.append)
        assert (rebuilt.position, rebuilt.events) == (3_000, 3_000)
        assert (await runtime.query("deposits_of", account="7")).position == 3_000
        await runtime.submit(Deposit("7", Decimal(1)), wait="projected")
        assert (await runtime.query("deposits_of", account="7")).value == 2
        assert runtime.rebuilding() is None
    assert [each.done for each in seen] == sorted({each.done for each in seen})
    assert (seen[-1].done, seen[-1].total, seen[-1].seconds_left) == (3_000, 3_000, 0.0)
    assert len(seen) > 2
    old, new = rows(generation(config, 1)), rows(generation(config, 2))
    assert len(old) == 1_500
    assert [row for row in new if row[0] != "7"] == [row for row in old if row[0] != "7"]
    report = await verify(DataFolder(config.data.dir), accounts_app().domain())
    assert report.is_sound


async def test_under_load_no_query_fails_or_goes_back_and_no_command_is_lost(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await fill(runtime, 500)
        done = anyio.Event()
        sent, positions = 0, [0]

        async def command(number: int) -> None:
            nonlocal sent
            while not done.is_set():
                await runtime.submit(Deposit(str(number), Decimal(1)), wait="handled")
                sent += 1

        async def query() -> None:
            last = 0
            while not done.is_set():
                answer = await runtime.query("deposits_of", account="1")
                assert answer.position >= last
                last = answer.position
                positions.append(last)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(command, number)
            for _ in range(3):
                tasks.start_soon(query)
            for back in (False, False, True, True):
                await (runtime.rebuild_back() if back else runtime.rebuild())
                served = positions[-1]
                await until(lambda served=served: positions[-1] > served)  # type: ignore[misc]
            done.set()
        await runtime.settled()
        projector = runtime.statistics()[2]
        assert (projector.cursor, projector.restarts) == (1_000 + sent, 0)
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.rebuild()
    assert rows(generation(config, 4)) == rows(generation(config, 3))
    assert (await verify(DataFolder(config.data.dir), accounts_app().domain())).is_sound


async def test_no_effect_fires_however_often_the_read_database_is_rebuilt(config: Config) -> None:
    app, notified = accounts_app(), []

    @app.consumer("bell")
    async def ring(event: AccountOpened, meta: EventMeta) -> None:
        notified.append(meta.key)

    async with Runtime(app, config) as runtime:
        await fill(runtime, 20)
        await runtime.settled()
        assert len(notified) == 20
        await runtime.rebuild()
        await runtime.rebuild()
        await runtime.rebuild_back()
        await runtime.settled()
    async with Runtime(app, config) as runtime:
        await runtime.settled()
    assert len(notified) == 20


async def test_back_and_forth_each_generation_catches_up_before_it_serves(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        await runtime.rebuild()
        for deposits in range(1, 6):
            await runtime.submit(Deposit("1", Decimal(1)), wait="projected")
            back = await runtime.rebuild_back()
            assert (back.position, back.events) == (1 + deposits, 1), "it applies only what it has missed"
            answer = await runtime.query("deposits_of", account="1")
            assert (answer.value, answer.position) == (deposits, 1 + deposits)


async def test_the_rebuild_is_among_the_statistics_while_it_goes_on(config: Config) -> None:
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await fill(runtime, 10)
        serve = plan.hold("serve")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runtime.rebuild)
            await serve.reached.wait()
            rebuilder = runtime.statistics()[-1]
            assert (rebuilder.role, rebuilder.cursor, rebuilder.lag) == ("rebuilder", 20, 0)
            assert runtime.rebuilding() == RebuildProgress(20, 20, 0.0)
            with pytest.raises(RebuildUnderWay, match="20 events of 20"):
                await runtime.rebuild_back()
            serve.open()
        assert [each.role for each in runtime.statistics()] == ["validator", "command handler", "projector"]


def failing_app(failing: set[str]) -> App:
    """Return a domain with a second projection, which fails at the opening of an account of `failing`."""
    app = accounts_app()
    owners = app.projection("owners", version=1, schema="CREATE TABLE owner(account TEXT PRIMARY KEY)")

    @owners.on
    def opened(event: AccountOpened, meta: EventMeta) -> list[Statement]:
        if meta.key in failing:
            raise ZeroDivisionError
        return [sql("INSERT INTO owner VALUES (?)", meta.key)]

    return app


async def test_a_projection_that_raises_ends_the_rebuild_by_its_name_and_the_old_one_serves(config: Config) -> None:
    failing: set[str] = set()
    async with Runtime(failing_app(failing), config) as runtime:
        await fill(runtime, 10)
        failing.add("6")
        with pytest.raises(ProjectionFailed, match="owners failed at position 7") as failed:
            await runtime.rebuild()
        assert (failed.value.projection, failed.value.position) == ("owners", 7)
        await runtime.submit(Deposit("6", Decimal(1)), wait="projected")
        assert (await runtime.query("deposits_of", account="6")).value == 2
        assert not generation(config, 2).exists()
        failing.clear()
        assert (await runtime.rebuild()).position == 21


async def test_a_statement_that_is_refused_names_its_projection_too(config: Config) -> None:
    app, takes_twice = accounts_app(), list[str]()
    owners = app.projection("owners", version=1, schema="CREATE TABLE owner(account TEXT PRIMARY KEY)")

    @owners.on
    def opened(event: AccountOpened, meta: EventMeta) -> list[Statement]:
        return [sql("INSERT INTO owner VALUES (?)", takes_twice[0] if takes_twice else meta.key)]

    async with Runtime(app, config) as runtime:
        await fill(runtime, 3)
        takes_twice.append("1")
        with pytest.raises(ProjectionFailed, match="owners failed at position 2"):
            await runtime.rebuild()


async def test_a_caller_who_gives_up_ends_the_rebuild_and_the_next_one_is_free(config: Config) -> None:
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await fill(runtime, 10)
        serve = plan.hold("serve")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runtime.rebuild)
            await serve.reached.wait()
            tasks.cancel_scope.cancel()
        await until(lambda: runtime.rebuilding() is None)
        assert not generation(config, 2).exists()
        await runtime.submit(Deposit("1", Decimal(1)), wait="projected")
        assert (await runtime.rebuild()).position == 21


async def test_a_stop_ends_the_rebuild_with_an_answer_and_the_next_start_is_clean(config: Config) -> None:
    plan = Plan()
    answers: list[Exception] = []

    async def rebuild(runtime: Runtime) -> None:
        try:
            await runtime.rebuild()
        except RebuildStopped as error:
            answers.append(error)

    async with (
        anyio.create_task_group() as tasks,
        Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime,
    ):
        await fill(runtime, 10)
        serve = plan.hold("serve")
        tasks.start_soon(rebuild, runtime)
        await serve.reached.wait()
    assert len(answers) == 1
    with pytest.raises(NotRunning):
        await runtime.rebuild()
    async with Runtime(accounts_app(), config) as runtime:
        assert (await runtime.query("deposits_of", account="1")).position == 20
        assert (await runtime.rebuild()).position == 20


async def test_a_full_device_ends_the_rebuild_and_commands_go_on(config: Config) -> None:
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await fill(runtime, 10)
        plan.fail("serve", DiskFull("generation-000002.db"))
        with pytest.raises(DiskFull):
            await runtime.rebuild()
        receipt = await runtime.submit(Deposit("1", Decimal(1)), wait="projected")
        assert receipt.stage == "projected"


async def test_a_device_that_fails_in_a_rebuild_ends_the_runtime(config: Config) -> None:
    plan = Plan()

    async def rebuild_until_the_end() -> None:
        async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
            await fill(runtime, 10)
            plan.fail("serve", StorageFailed("generation-000002.db", "sync", "made to fail"))
            with pytest.raises(StorageFailed):
                await runtime.rebuild()
            await anyio.sleep_forever()

    with pytest.raises(StorageFailed, match="made to fail"):
        await rebuild_until_the_end()


async def test_without_an_earlier_generation_there_is_no_way_back(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await fill(runtime, 2)
        with pytest.raises(NoPreviousGeneration):
            await runtime.rebuild_back()
        assert (await runtime.query("deposits_of", account="1")).value == 1
