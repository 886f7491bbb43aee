"""Each answer of Cloudflare's API, and each way of not giving one, ends a call as it should."""

import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from twofold.actors.cdn_answer import LONGEST_WAIT
from twofold.actors.cdn_cloudflare import API, LARGEST_ANSWER, Cloudflare
from twofold.actors.cdn_purger import PurgeCall
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.delivery import Delivered, Delivery, Paused, Refused, TryAgain
from twofold.actors.kernel.clock import SystemClock

from tests.doubles.cdn_stub import CdnStub, Play, answer, endless, refused, reset, taken
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

TOKEN = "canary-7f3e1b-not-a-real-one"
ZONE_ID = "0123456789abcdef0123456789abcdef"
SETTINGS = CdnSettings(
    "cloudflare", "https://shop.test", ZONE_ID, TOKEN, items_per_call=100, calls_per_second=1000, timeout=5
)
CALL = PurgeCall("files", ("https://shop.test/a", "https://shop.test/b"), ("e1",))


@pytest.fixture
async def stub() -> AsyncIterator[CdnStub]:
    async with CdnStub.running() as stub:
        yield stub


@pytest.fixture
async def cloudflare(stub: CdnStub) -> AsyncIterator[Cloudflare]:
    cloudflare = Cloudflare(SETTINGS, SystemClock(), api=stub.url, private=True)
    yield cloudflare
    await cloudflare.close()


async def ended(stub: CdnStub, cloudflare: Cloudflare, play: Play) -> Delivery:
    stub.judge = lambda _body: play
    return await cloudflare.send(CALL)


async def test_a_call_is_one_post_with_the_token_and_one_kind_of_names(stub: CdnStub, cloudflare: Cloudflare) -> None:
    assert await cloudflare.send(CALL) == Delivered('{"id":"p1"}')
    assert await cloudflare.send(PurgeCall("tags", ("t",), ("e2",))) == Delivered('{"id":"p1"}')
    first = stub.asked[0]
    assert first.line == f"POST /client/v4/zones/{ZONE_ID}/purge_cache HTTP/1.1"
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept-encoding"] == "identity"
    assert stub.bodies == [{"files": ["https://shop.test/a", "https://shop.test/b"]}, {"tags": ["t"]}]


async def test_without_an_override_calls_go_to_the_one_fixed_address() -> None:
    assert API == "https://api.cloudflare.com/client/v4"
    with pytest.raises(TypeError):
        Cloudflare(SETTINGS, SystemClock(), "http://127.0.0.1")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "result", [None, "text", [1], {"id": None}, {"no": "id"}, {"id": 7}, {"id": "p" * 100_000, "more": "x" * 100_000}]
)
async def test_of_a_result_only_a_short_id_is_kept(stub: CdnStub, cloudflare: Cloudflare, result: object) -> None:
    end = await ended(stub, cloudflare, answer(200, {"success": True, "errors": None, "result": result}))
    assert isinstance(end, Delivered)
    assert len(end.result) < 600


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("code", [10000, 9109, 6003, 7003])
async def test_an_error_about_the_access_pauses(stub: CdnStub, cloudflare: Cloudflare, status: int, code: int) -> None:
    end = await ended(stub, cloudflare, refused(status, code, "Authentication error"))
    assert isinstance(end, Paused)
    assert f"{code} Authentication error" in end.error


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b"<html>", {"success": False, "errors": []}, {"success": True}])
async def test_a_status_about_the_access_pauses_whatever_the_body_says(
    stub: CdnStub, cloudflare: Cloudflare, status: int, body: object
) -> None:
    assert isinstance(await ended(stub, cloudflare, answer(status, body)), Paused)


async def test_access_that_is_denied_once_and_granted_then_pauses_nothing(
    stub: CdnStub, cloudflare: Cloudflare
) -> None:
    stub.plays.append(refused(401, 10000))
    assert await cloudflare.send(CALL) == Delivered('{"id":"p1"}')
    assert len(stub.asked) == 2


@pytest.mark.parametrize("status", [404, 405, 410])
async def test_a_zone_that_is_not_there_pauses(stub: CdnStub, cloudflare: Cloudflare, status: int) -> None:
    end = await ended(stub, cloudflare, answer(status, b"nothing here"))
    assert isinstance(end, Paused)
    assert "cdn.zone_id" in end.error


@pytest.mark.parametrize(("status", "code"), [(200, 1094), (400, 1012), (400, 1107), (413, 1), (422, 1)])
async def test_an_error_about_what_was_sent_refuses_the_call(
    stub: CdnStub, cloudflare: Cloudflare, status: int, code: int
) -> None:
    end = await ended(stub, cloudflare, refused(status, code, "an item is bad"))
    assert isinstance(end, Refused)
    assert f"{code} an item is bad" in end.error


async def test_a_status_400_is_no_success_though_the_body_says_so(stub: CdnStub, cloudflare: Cloudflare) -> None:
    assert isinstance(await ended(stub, cloudflare, answer(400, {"success": True})), Refused)


async def test_too_many_calls_slow_the_consumer_for_as_long_as_asked(stub: CdnStub, cloudflare: Cloudflare) -> None:
    end = await ended(stub, cloudflare, answer(429, {"success": False}, Retry_After="17"))
    assert end == TryAgain("The CDN's API answered 429", after=17.0, slow_down=True)
    end = await ended(stub, cloudflare, answer(429, b"slow down"))
    assert end == TryAgain("The CDN's API answered 429", after=None, slow_down=True)


@pytest.mark.parametrize("status", [500, 502, 503, 520, 530, 408])
async def test_trouble_of_the_api_is_tried_again(stub: CdnStub, cloudflare: Cloudflare, status: int) -> None:
    end = await ended(stub, cloudflare, answer(status, {"success": True}, retry_after="86400"))
    assert end == TryAgain(f"The CDN's API answered {status}", after=LONGEST_WAIT, slow_down=True)


@pytest.mark.parametrize(
    "play",
    [
        answer(200, b"<html>maintenance</html>"),
        answer(200, b""),
        answer(200, b"[1]"),
        answer(200, {"success": "yes"}),
        answer(200, {"errors": []}),
        answer(200, {"success": False, "errors": []}),
        answer(200, b"\x1f\x8b\x08\x00packed", content_encoding="gzip"),
        answer(400, b"Bad Request"),
        answer(200, {"success": True}, x="y" * 300_000),
        reset,
    ],
)
async def test_what_is_no_answer_is_tried_again(stub: CdnStub, cloudflare: Cloudflare, play: Play) -> None:
    end = await ended(stub, cloudflare, play)
    assert isinstance(end, TryAgain)
    assert end.slow_down


@pytest.mark.parametrize("play", [endless, answer(200, b" " * (LARGEST_ANSWER + 1))])
async def test_of_a_huge_answer_no_more_is_read_than_the_limit(
    stub: CdnStub, cloudflare: Cloudflare, play: Play
) -> None:
    end = await ended(stub, cloudflare, play)
    assert end == TryAgain("The CDN's API answered 200 with more than 1048576 bytes", slow_down=True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_pauses(stub: CdnStub, cloudflare: Cloudflare, status: int) -> None:
    async with CdnStub.running() as elsewhere:
        end = await ended(stub, cloudflare, answer(status, b"", Location=f"{elsewhere.url}/x"))
        assert isinstance(end, Paused)
        assert elsewhere.asked == []


async def test_where_nobody_listens_the_call_is_tried_again(stub: CdnStub) -> None:
    async with CdnStub.running() as gone:
        url = gone.url
    cloudflare = Cloudflare(SETTINGS, SystemClock(), api=url, private=True)
    end = await cloudflare.send(CALL)
    assert isinstance(end, TryAgain)
    assert end.slow_down
    await cloudflare.close()


async def test_an_address_that_is_not_public_gets_nothing(stub: CdnStub) -> None:
    cloudflare = Cloudflare(SETTINGS, SystemClock(), api=stub.url)
    end = await cloudflare.send(CALL)
    assert isinstance(end, TryAgain)
    assert "127.0.0.1, which is no public address" in end.error
    assert stub.asked == []
    await until(lambda: stub.open_connections == 0)
    await cloudflare.close()


async def test_proxies_of_the_environment_are_not_asked(
    stub: CdnStub, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with CdnStub.running() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert isinstance(await cloudflare.send(CALL), Delivered)
        assert proxy.asked == []


async def test_a_certificate_that_nobody_vouches_for_gets_no_token(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await anyio.run_process(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with CdnStub.running(tls) as stub:
        cloudflare = Cloudflare(SETTINGS, SystemClock(), api=stub.url, private=True)
        end = await cloudflare.send(CALL)
        await cloudflare.close()
    assert isinstance(end, TryAgain)
    assert "certificate" in end.error
    assert stub.asked == []


@pytest.mark.parametrize(
    "play",
    [
        taken(f"id {TOKEN}"),
        refused(400, 1, f"bad {TOKEN}"),
        refused(401, 10000, f"wrong token {TOKEN}"),
        refused(400, 1, "x" * 495 + TOKEN),
        answer(400, b'{"success":false,"errors":[{"code":1,"message":"\\u0063' + TOKEN[1:].encode() + b'"}]}'),
        answer(429, TOKEN, retry_after=TOKEN),
        answer(200, TOKEN.encode()),
        answer(302, b"", location=f"http://127.0.0.1/{TOKEN}"),
        reset,
        endless,
    ],
)
async def test_the_token_is_in_no_end_though_the_api_repeats_it(
    stub: CdnStub, cloudflare: Cloudflare, play: Play
) -> None:
    end = await ended(stub, cloudflare, play)
    assert stub.asked
    assert "canary" not in repr(end)


async def test_the_token_is_in_no_log_of_a_call(
    stub: CdnStub, cloudflare: Cloudflare, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await ended(stub, cloudflare, refused(401, 10000, TOKEN))
    assert "httpcore" in caplog.text
    assert "canary" not in caplog.text
