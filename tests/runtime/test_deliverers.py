"""A runtime and its deliverers: a pause that one brings about meets a resume, and at the end all of them are closed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from twofold import App, Email, EventMeta, Runtime
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.definitions import Domain
from twofold.actors.delivery import Deliverer, Paused
from twofold.actors.kernel.clock import Clock
from twofold.actors.mail_settings import MailSettings
from twofold.runtime.config import Config
from twofold.runtime.stores import OpenStores, Stores
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import AccountOpened, OpenAccount, accounts_app
from tests.doubles.consuming import ScriptedDeliverer
from tests.doubles.planned_stores import Plan, planned

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Mailer(ScriptedDeliverer):
    """A deliverer of which one can see that it was closed, and which may fail at that."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.is_closed = False
        self._failure = failure

    async def close(self) -> None:
        self.is_closed = True
        if self._failure is not None:
            raise self._failure


class Mailers:
    """An outbox whose mails leave by `mailers`, one for each consumer in the order of registration."""

    def __init__(self, mailers: Sequence[Mailer]) -> None:
        self._left = list(mailers)

    def mailer(self, settings: MailSettings, clock: Clock) -> Deliverer:
        return self._left.pop(0)

    def purger(self, settings: CdnSettings, clock: Clock) -> Deliverer:
        raise AssertionError("nothing is purged here")


def mailing(*consumers: str) -> App:
    app = accounts_app()

    def welcome(event: AccountOpened, meta: EventMeta) -> Email:
        return Email(to="ada@example.com", subject="Welcome", text=meta.key)

    for name in consumers:
        app.email(name)(welcome)
    return app


def leaving_by(*mailers: Mailer) -> OpenStores:
    folder = MemoryFolder()

    @asynccontextmanager
    async def open_stores(config: Config, domain: Domain) -> AsyncIterator[Stores]:
        async with folder.open(config, domain) as stores:
            yield stores._replace(outbox=Mailers(mailers))

    return open_stores


async def test_a_resume_while_a_pause_is_being_written_is_not_lost() -> None:
    mailer, plan = Mailer(), Plan()
    mailer.answer(Paused("535 the password is wrong"))
    async with Runtime(mailing("mails"), open_stores=planned(plan, leaving_by(mailer))) as runtime:
        written = plan.hold("pause/done")
        await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
        await written.reached.wait()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runtime.resume_consumer, "mails")
            await anyio.wait_all_tasks_blocked()
            written.open()
        await runtime.settled()
        (effect,) = await runtime.effects()
        assert (effect.state, mailer.sent) == ("done", [1, 1])
        assert runtime.readiness().effects == ()


async def test_all_deliverers_are_closed_though_some_fail_and_the_first_failure_is_raised() -> None:
    mailers = Mailer(), Mailer(ConnectionError("first")), Mailer(ConnectionError("second")), Mailer()
    with pytest.raises(ExceptionGroup) as failed:
        async with Runtime(mailing("a", "b", "c", "d"), open_stores=leaving_by(*mailers)):
            pass
    assert failed.group_contains(ConnectionError, match="first")
    assert not failed.group_contains(ConnectionError, match="second")
    assert [mailer.is_closed for mailer in mailers] == [True] * 4
