"""Effects in a whole runtime: each happens once, and none is ever in the way of commands."""

from decimal import Decimal
from pathlib import Path
from typing import cast

import anyio
import pytest
from twofold import App, Config, Email, EventMeta, Purge, Receipt, Retry, Runtime
from twofold.actors.effect_consumer import EffectConsumer
from twofold.actors.mail_settings import MailSettings
from twofold.runtime.config import DataSettings, SupervisionSettings
from twofold.runtime.testing import VirtualClock
from twofold.stores.errors import StorageFailed

from tests.doubles.accounts import AccountOpened, Deposit, Deposited, OpenAccount, accounts_app
from tests.doubles.noting import Calls, effects_of
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"), mail=MailSettings(sender="bank@example.com"))


def mailing(app: App, *, from_start: bool = False) -> App:
    @app.email("welcome", from_start=from_start)
    def welcome(event: AccountOpened, meta: EventMeta) -> Email:
        return Email(to=f"{event.owner}@example.com", subject="Welcome", text=f"Account {meta.key}")

    return app


async def test_each_effect_happens_once_over_many_starts(config: Config) -> None:
    calls = Calls()
    for number in range(3):
        async with Runtime(calls.app, config) as runtime:
            await runtime.submit(OpenAccount(str(number), "Ada"))
            await runtime.submit(Deposit(str(number), Decimal(1)))
            await runtime.settled()
    assert calls.positions == [1, 2, 3, 4, 5, 6]
    assert len(set(calls.seen)) == 6


async def test_settled_waits_for_retries_and_not_for_what_is_parked_or_paused(config: Config) -> None:
    calls, clock = Calls(retry=Retry("10s", attempts=2)), VirtualClock()
    calls.failing = True
    settled: list[bool] = []

    async def settle() -> None:
        await runtime.settled()
        settled.append(True)

    async with Runtime(calls.app, config, clock=clock) as runtime, anyio.create_task_group() as tasks:
        await runtime.submit(OpenAccount("1", "Ada"))
        tasks.start_soon(settle)
        actor = cast(EffectConsumer, runtime._pipeline.effects.roles[0].actor)
        await until(lambda: calls.seen and (actor.next_attempt() or 0) > 0)
        await turns()
        assert settled == []
        clock.advance(10)
        await until(lambda: settled)
        (effect,) = await effects_of(runtime)
        assert (effect.state, len(calls.seen)) == ("parked", 2)
        await runtime._stores.effects.pause("calls", "access denied")
    async with Runtime(calls.app, config) as runtime:
        await runtime.submit(OpenAccount("2", "Ada"))
        await runtime.settled()
        assert [effect.state for effect in await effects_of(runtime)] == ["parked", "pending"]


async def test_an_operator_takes_up_what_is_parked_and_resumes_what_is_paused(config: Config) -> None:
    calls = Calls(retry=Retry(attempts=1))
    calls.failing = True
    async with Runtime(calls.app, config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        await runtime.settled()
        calls.failing = False
        (parked,) = await effects_of(runtime)
        assert await runtime.release_effects([parked.effect_id], again=True) == 1
        await runtime.settled()
        assert [effect.state for effect in await effects_of(runtime)] == ["done"]
        await runtime._stores.effects.pause("calls", "access denied")
    async with Runtime(calls.app, config) as runtime:
        await runtime.submit(OpenAccount("2", "Ada"))
        await runtime.settled()
        assert calls.positions == [1, 1]
        await runtime.resume_consumer("calls")
        await runtime.settled()
        assert calls.positions == [1, 1, 2]


async def test_what_is_rendered_anew_goes_out_before_what_it_held_back_in_its_stream(config: Config) -> None:
    app, broken = accounts_app(), True

    @app.email("news", retry=Retry(attempts=1))
    def news(event: AccountOpened | Deposited, meta: EventMeta) -> list[Email]:
        if broken and isinstance(event, AccountOpened):
            raise ValueError("a bug")
        return [Email(to="a@example.com", subject=str(number), text="") for number in range(2)]

    plan = Plan()
    async with Runtime(app, config, open_stores=planned(plan)) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        await runtime.submit(Deposit("1", Decimal(1)))
        await runtime.settled()
        assert [effect.state for effect in await effects_of(runtime)] == ["parked", "pending", "pending"]
        broken = False
        parked = (await effects_of(runtime))[0].effect_id
        assert await runtime.release_effects([parked], again=True) == 1
        await runtime.settled()
        effects = await effects_of(runtime)
        assert [(effect.position, effect.ordinal, effect.state) for effect in effects] == [
            (position, ordinal, "done") for position in (1, 2) for ordinal in (0, 1)
        ]
        assert [effect.changed for effect in effects] == sorted(effect.changed for effect in effects)
        assert plan.calls["begin"] == 4, "one after the other, as a stream is sent"


async def test_stopping_does_not_wait_for_a_retry_and_keeps_it_for_the_next_start(config: Config) -> None:
    calls = Calls(retry=Retry("1h"))
    calls.failing = True
    with anyio.fail_after(10):
        async with Runtime(calls.app, config) as runtime:
            await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(5)])
    async with Runtime(accounts_app(), config) as runtime:
        effects = await effects_of(runtime)
    assert [effect.position for effect in effects] == [1, 2, 3, 4, 5], "all were entered before the stop"
    assert {effect.state for effect in effects} <= {"pending", "retry"}


async def test_commands_go_on_while_the_other_side_is_down_all_along(config: Config) -> None:
    down, hanging = Calls(), anyio.Event()
    down.failing = True

    @down.app.consumer("hangs")
    async def hang(event: AccountOpened, meta: EventMeta) -> None:
        hanging.set()
        await anyio.sleep_forever()

    clock = VirtualClock()
    async with Runtime(down.app, config, clock=clock, stop_limit=0.05) as runtime:
        answers = await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(200)], wait="projected")
        assert all(isinstance(answer, Receipt) and answer.stage == "projected" for answer in answers)
        await hanging.wait()
    async with Runtime(accounts_app(), config) as runtime:
        states = {consumer: counts["done"] for consumer, counts in (await runtime._stores.effects.counts()).items()}
        assert states == {"calls": 0, "hangs": 0}
        assert (
            sum(effect.consumer == "hangs" and effect.state == "sending" for effect in await effects_of(runtime)) == 1
        )


async def test_a_consumer_past_its_restarts_is_halted_while_commands_and_other_consumers_go_on(config: Config) -> None:
    calls, plan = mailing(Calls().app), Plan()
    supervised = Config(
        data=config.data,
        mail=config.mail,
        supervision=SupervisionSettings(backoff_first=0.001, backoff_longest=0.001, restarts=2),
    )
    async with Runtime(calls, supervised, open_stores=planned(plan)) as runtime:
        role, mails = runtime._pipeline.effects.roles
        plan.fail_always("begin", lambda: RuntimeError("a bug"))
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
        await until(lambda: (role.state, mails.state) == ("halted", "halted"))
        await runtime.submit(OpenAccount("2", "Ada"), wait="projected")
        with anyio.fail_after(10):
            await runtime.settled()
        states = {each.role: each.state for each in runtime.statistics()}
        assert (states["consumer calls"], states["command handler"]) == ("halted", "running")


async def test_a_purge_goes_out_after_the_projection_however_slow_that_is(config: Config) -> None:
    app, plan = accounts_app(), Plan()

    @app.purge("pages", window="1ms")
    def pages(event: AccountOpened, meta: EventMeta) -> Purge:
        return Purge(tags=(f"account-{meta.key}",))

    slow = plan.hold("apply")
    outbox = config.data.dir / "outbox" / "purges.jsonl"
    async with Runtime(app, config, open_stores=planned(plan)) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
        await slow.reached.wait()
        await until(lambda: plan.calls["record/done"])
        await anyio.to_thread.run_sync(lambda: None)
        await turns()
        assert (plan.calls["begin"], outbox.exists()) == (0, False)
        slow.open()
        await runtime.settled()
        assert plan.calls["begin"] == 1
        assert "account-1" in outbox.read_text()


async def test_mails_lie_in_the_outbox_each_once_whatever_is_wrong_with_another(config: Config) -> None:
    async with Runtime(mailing(accounts_app()), config) as runtime:
        owners = ["ada", "no address\n", "bo"]
        await runtime.submit_many([OpenAccount(str(n), owner) for n, owner in enumerate(owners)])
        await runtime.settled()
        effects = await effects_of(runtime)
        assert [effect.state for effect in effects] == ["done", "parked", "done"]
    files = sorted(file.name for file in (config.data.dir / "outbox").iterdir())
    assert files == [f"{effects[0].effect_id}.eml", f"{effects[2].effect_id}.eml"]


async def test_a_failing_sync_of_the_ledger_ends_the_runtime(config: Config) -> None:
    plan = Plan()
    plan.fail("record", StorageFailed("effects.db", "fdatasync", "made to fail"))
    with pytest.raises(StorageFailed):  # noqa: PT012 - the failure comes out of the block
        async with Runtime(Calls().app, config, open_stores=planned(plan)) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"))
            await anyio.sleep_forever()
    calls = Calls()
    async with Runtime(calls.app, config) as runtime:
        await runtime.settled()
    assert calls.positions == [1]
