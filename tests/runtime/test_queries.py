"""A query sees one snapshot, at a position that never goes back, as fresh as it was asked to be."""

from decimal import Decimal
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from twofold import (
    Answer,
    App,
    Ask,
    BadParameters,
    CommandRefused,
    Config,
    QueryFailed,
    ReadDb,
    Reject,
    Runtime,
    UnknownQuery,
)
from twofold.runtime.config import DataSettings, ProjectorSettings, QuerySettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime
from twofold.stores.errors import ForeignAwait, QueryTimeout, StatementFailed

from tests.doubles.accounts import Deposit, OpenAccount, accounts_app
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


def app_with_two_looks() -> App:
    app = accounts_app()

    @app.query("two_looks")
    async def two_looks(db: ReadDb) -> tuple[int, int]:
        first: int = await db.value("SELECT count(*) FROM balance")
        second: int = await db.value("SELECT count(*) FROM balance")
        return first, second

    return app


async def test_rows_and_position_come_from_one_snapshot(config: Config) -> None:
    config = Config(data=config.data, projector=ProjectorSettings(batch=3))
    async with Runtime(app_with_two_looks(), config) as runtime, anyio.create_task_group() as tasks:
        tasks.start_soon(runtime.submit_many, [OpenAccount(str(n), "Ada") for n in range(300)])
        seen: list[Answer] = []
        while not seen or seen[-1].position < 300:
            seen.append(await runtime.query("two_looks"))
        for answer in seen:
            assert answer.value == (answer.position, answer.position)
        positions = [answer.position for answer in seen]
        assert positions == sorted(positions)


async def test_after_a_start_a_query_waits_for_the_head_that_was_found() -> None:
    folder, plan = MemoryFolder(), Plan()
    async with MemoryRuntime(accounts_app(), folder=folder) as before:
        await before.submit_many([OpenAccount(str(n), "Ada") for n in range(3)], wait="handled")
    apply = plan.hold("apply")  # the read database starts anew, at position 0
    async with Runtime(accounts_app(), open_stores=planned(plan, folder.open)) as runtime:
        answers: list[Answer] = []

        async def ask() -> None:
            answers.append(await runtime.query("accounts"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await apply.reached.wait()
            await turns()
            assert answers == []
            apply.open()
        assert (answers[0].value, answers[0].position) == (["0", "1", "2"], 3)


async def test_a_query_at_the_position_of_a_receipt_sees_that_write(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        for n in range(1, 20):
            receipt = await runtime.submit(Deposit("1", Decimal(n)), wait="handled")
            answer = await runtime.query("deposits_of", account="1", min_position=receipt.position)
            assert answer.value == n


async def test_an_event_is_applied_once_though_the_projector_restarts_in_the_middle(config: Config) -> None:
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        plan.fail("apply", RuntimeError("made to fail"))
        await runtime.submit_many([Deposit("1", Decimal(1)) for _ in range(10)], wait="projected")
        assert (await runtime.query("deposits_of", account="1")).value == 10
        assert runtime.statistics()[2].restarts == 1
    async with Runtime(accounts_app(), config) as runtime:
        assert (await runtime.query("deposits_of", account="1")).value == 10


async def test_what_makes_no_sense_is_refused_by_name(config: Config) -> None:
    app = accounts_app()

    @app.query("wrong")
    async def wrong(db: ReadDb) -> object:
        return await db.rows("SELECT nothing FROM nowhere")

    async with Runtime(app, config) as runtime:
        with pytest.raises(UnknownQuery, match="accounts"):
            await runtime.query("account")
        with pytest.raises(BadParameters, match="account"):
            await runtime.query("deposits_of", account=5)
        with pytest.raises(BadParameters):
            await runtime.query("deposits_of", account="1", more=1)
        with pytest.raises(StatementFailed, match="nowhere"):
            await runtime.query("wrong")


async def test_a_validator_may_ask_the_read_side(config: Config) -> None:
    app = accounts_app()

    @app.validate
    async def not_too_many(command: OpenAccount, ask: Ask) -> list[Reject]:
        answer = await ask("accounts")
        return [Reject("too.many", accounts=len(answer.value))] if len(answer.value) >= 2 else []

    async with Runtime(app, config) as runtime:
        for n in range(2):
            await runtime.submit(OpenAccount(str(n), "Ada"), wait="projected")
        with pytest.raises(CommandRefused) as refused:
            await runtime.submit(OpenAccount("3", "Ada"))
        assert refused.value.faults[0].facts == {"accounts": 2}


async def test_queries_go_on_while_a_write_to_the_read_database_is_under_way(config: Config) -> None:
    plan = Plan()
    async with Runtime(accounts_app(), config, open_stores=planned(plan)) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        apply = plan.hold("apply")
        await runtime.submit(OpenAccount("2", "Ada"), wait="handled")
        await apply.reached.wait()
        assert (await runtime.query("accounts")).value == ["1"]
        apply.open()
        await until(lambda: runtime._pipeline.projected.value == 2)
        assert (await runtime.query("accounts")).value == ["1", "2"]


def app_with_queries_that_fail() -> App:
    app = accounts_app()

    @app.query("bad.statement")
    async def bad_statement(db: ReadDb) -> object:
        return await db.rows("SELECT nothing FROM nowhere")

    @app.query("bad.write")
    async def bad_write(db: ReadDb) -> object:
        return await db.rows("DELETE FROM balance")

    @app.query("bad.wait")
    async def bad_wait(db: ReadDb) -> None:
        await anyio.lowlevel.checkpoint()

    @app.query("bad.endless")
    async def bad_endless(db: ReadDb) -> object:
        return await db.value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")

    @app.query("bad.code")
    async def bad_code(db: ReadDb) -> float:
        return 1 / 0

    return app


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("bad.statement", StatementFailed, "syntax error, in the statement: SELECT"),
        ("bad.write", StatementFailed, "it only reads"),
        ("bad.wait", ForeignAwait, "await nothing there but its ReadDb"),
        ("bad.endless", QueryTimeout, "ran for more than 0.2 s"),
        ("bad.code", QueryFailed, r"ZeroDivisionError: .*test_queries\.py, line \d+"),
    ],
)
async def test_whatever_a_query_fails_of_its_error_names_it(
    config: Config, query: str, kind: type[QueryFailed], said: str
) -> None:
    config = Config(data=config.data, queries=QuerySettings(timeout=0.2))
    async with Runtime(app_with_queries_that_fail(), config) as runtime:
        with pytest.raises(kind, match=said) as failed:
            await runtime.query(query)
        assert str(failed.value).startswith(f"The query {query} ")
        assert failed.value.query == query
        assert (await runtime.query("accounts")).value == []
