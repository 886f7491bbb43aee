"""The connection to Cloudflare's API: its time limit, its rate, and that nothing of it is left behind."""

import subprocess
import sys
from collections.abc import AsyncIterator

import anyio
import pytest
from twofold.actors.cdn_cloudflare import Cloudflare
from twofold.actors.cdn_purger import PurgeCall
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.delivery import Delivered, Paused, TryAgain
from twofold.actors.kernel.clock import SystemClock
from twofold.runtime.testing import VirtualClock

from tests.doubles.cdn_stub import CdnStub, Play, drip, silence, taken
from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

TOKEN = "not-a-real-token"
ZONE_ID = "0123456789abcdef0123456789abcdef"
CALL = PurgeCall("files", ("https://shop.test/a", "https://shop.test/b"), ("e1",))


@pytest.fixture
async def stub() -> AsyncIterator[CdnStub]:
    async with CdnStub.running() as stub:
        yield stub


@pytest.fixture
async def cloudflare(stub: CdnStub) -> AsyncIterator[Cloudflare]:
    settings = CdnSettings("cloudflare", zone_id=ZONE_ID, token=TOKEN, calls_per_second=1000, timeout=5)
    cloudflare = Cloudflare(settings, SystemClock(), api=stub.url, private=True)
    yield cloudflare
    await cloudflare.close()


@pytest.mark.parametrize("play", [silence, drip])
async def test_an_answer_that_takes_too_long_is_given_up_as_a_whole(stub: CdnStub, play: Play) -> None:
    stub.judge = lambda _body: play
    cloudflare = Cloudflare(
        CdnSettings("cloudflare", zone_id=ZONE_ID, token=TOKEN, timeout=0.2), SystemClock(), api=stub.url, private=True
    )
    with anyio.fail_after(5):
        end = await cloudflare.send(CALL)
    assert end == TryAgain("The CDN's API took longer than 0.2 s", slow_down=True)
    await cloudflare.close()
    await until(lambda: stub.open_connections == 0)


async def test_calls_keep_to_the_rate_by_the_monotonic_clock(stub: CdnStub) -> None:
    clock = VirtualClock()
    settings = CdnSettings("cloudflare", zone_id=ZONE_ID, token=TOKEN, calls_per_second=0.5)
    cloudflare = Cloudflare(settings, clock, api=stub.url, private=True)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(cloudflare.send, CALL)
        await until(lambda: len(stub.asked) == 1)
        clock.advance(1.9)
        await turns()
        assert len(stub.asked) == 1
        await until(lambda: clock._timers)
        clock.advance(0.2)
        await until(lambda: len(stub.asked) == 2)
        await until(lambda: any(timer.call for _, _, timer in clock._timers))
        clock.advance(2.0)
    assert len(stub.asked) == 3
    await cloudflare.close()


async def test_nothing_is_left_open_after_close(stub: CdnStub, cloudflare: Cloudflare) -> None:
    await cloudflare.send(CALL)
    assert stub.open_connections == 1
    await cloudflare.close()
    await until(lambda: stub.open_connections == 0)
    await cloudflare.close()


async def test_a_call_that_is_called_off_leaves_nothing_open(stub: CdnStub, cloudflare: Cloudflare) -> None:
    stub.judge = lambda _body: silence
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cloudflare.send, CALL)
        await until(lambda: stub.asked)
        tasks.cancel_scope.cancel()
    await until(lambda: stub.open_connections == 0)
    stub.judge = lambda _body: taken()
    assert isinstance(await cloudflare.send(CALL), Delivered)


def test_httpx_is_not_imported_before_the_first_call() -> None:
    script = "import sys, twofold.actors.cdn_cloudflare; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def test_without_httpx_the_consumer_pauses_and_says_what_to_install(
    stub: CdnStub, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    end = await cloudflare.send(CALL)
    assert isinstance(end, Paused)
    assert "httpx" in end.error
