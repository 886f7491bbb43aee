"""The example of a webhook, told to a real HTTP server on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings
from twofold.stores.effect_records import EffectRecord

from examples.webhook.webhook import SendParcel, app
from tests.doubles.cdn_stub import CdnStub, Play, answer, endless, reset
from tests.doubles.command_line import REPOSITORY, CommandLine
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
async def depot(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CdnStub]:
    async with CdnStub.running() as stub:
        monkeypatch.setenv("DEPOT_URL", f"{stub.url}/parcels")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody is there: it must not be asked
        yield stub


async def told(depot: CdnStub, folder: Path, *plays: Play) -> EffectRecord:
    """Send a parcel, and return its effect once the depot was told as often as there are `plays`, and it is over."""
    depot.plays.extend(plays)
    async with Runtime(app, Config(data=DataSettings(dir=folder / "data"))) as runtime:
        await runtime.submit(SendParcel("1", "Oslo"), wait="handled")
        with anyio.fail_after(30):
            await until(lambda: len(depot.asked) >= len(plays))
            await runtime.settled()
        (effect,) = await runtime._stores.effects.search()
    return effect


async def test_the_depot_gets_the_event_and_the_effect_id_as_its_key(depot: CdnStub, tmp_path: Path) -> None:
    effect = await told(depot, tmp_path, answer(204, b""))
    assert (effect.state, effect.attempts) == ("done", 1)
    (asked,) = depot.asked
    assert asked.line == "POST /client/v4/parcels HTTP/1.1"
    assert asked.headers["idempotency-key"] == effect.effect_id
    assert (asked.body["parcel"], asked.body["address"]) == ("1", "Oslo")


@pytest.mark.parametrize(
    "passing", [answer(503, b""), answer(429, b""), answer(408, b""), reset], ids=["503", "429", "408", "reset"]
)
async def test_what_passes_is_tried_again_with_the_same_key(depot: CdnStub, tmp_path: Path, passing: Play) -> None:
    effect = await told(depot, tmp_path, passing, answer(200, {}))
    assert (effect.state, effect.attempts) == ("done", 2)
    assert [asked.headers["idempotency-key"] for asked in depot.asked] == [effect.effect_id] * 2


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_what_would_be_refused_again_is_parked(depot: CdnStub, tmp_path: Path, status: int) -> None:
    effect = await told(depot, tmp_path, answer(status, b""))
    assert (effect.state, effect.error) == ("parked", f"the depot refused parcel 1: {status}")


async def test_a_redirect_is_not_followed_and_counts_as_a_failure(depot: CdnStub, tmp_path: Path) -> None:
    elsewhere = answer(307, b"", location=f"{depot.url}/elsewhere")
    effect = await told(depot, tmp_path, elsewhere, answer(200, {}))
    assert (effect.state, effect.attempts, effect.error) == ("done", 2, "ConnectionError('the depot answered 307')")
    assert {asked.line for asked in depot.asked} == {"POST /client/v4/parcels HTTP/1.1"}


async def test_an_answer_without_an_end_holds_nothing_up(depot: CdnStub, tmp_path: Path) -> None:
    effect = await told(depot, tmp_path, endless)
    assert (effect.state, effect.attempts) == ("done", 1)


def test_its_configuration_is_right(tmp_path: Path) -> None:
    checked = CommandLine(tmp_path / "data", REPOSITORY / "examples" / "webhook" / "config.toml").run("check")
    assert (checked.code, "parcel.send" in checked.out) == (0, True), checked
