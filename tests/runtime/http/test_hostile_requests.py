"""Whatever a request holds, it is answered for what it is: nothing of it is the server's fault, and nothing is lost."""

import json
import resource
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from twofold import App, ReadDb
from twofold.runtime.http.requests import _known_options

from tests.doubles.accounts import accounts_app
from tests.doubles.raw_http import connected, request
from tests.doubles.served import problem, served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000
ADA = b'{"account":"%b","owner":"Ada"}'


def with_owner(owner: bytes) -> bytes:
    return b'{"account":"1","owner":' + owner + b"}"


def with_amount(amount: bytes) -> bytes:
    return b'{"account":"1","amount":' + amount + b"}"


BODIES: dict[str, tuple[str, bytes, int, str]] = {
    "nothing": ("open", b"", 400, "malformed"),
    "bytes": ("open", bytes(range(256)), 400, "malformed"),
    "a NUL": ("open", b"\0", 400, "malformed"),
    "a byte order mark": ("open", b"\xef\xbb\xbf{}", 400, "malformed"),
    "half of it": ("open", b'{"account":"1"', 400, "malformed"),
    "two of it": ("open", ADA % b"1" + ADA % b"1", 400, "malformed"),
    "depth": ("open", DEEP, 422, "refused"),
    "depth that is closed": ("open", DEEP + b"]" * 100_000, 422, "refused"),
    "depth of objects": ("open", b'{"a":' * 100_000, 400, "malformed"),
    "depth in a field": ("open", with_owner(DEEP), 422, "refused"),
    "depth in an unknown field": ("open", b'{"account":"1","owner":"a","more":' + DEEP + b"}", 400, "malformed"),
    "NaN": ("deposit", with_amount(b"NaN"), 400, "malformed"),
    "infinity": ("deposit", with_amount(b"-Infinity"), 400, "malformed"),
    "NaN as text": ("deposit", with_amount(b'"NaN"'), 422, "refused"),
    "infinity as text": ("deposit", with_amount(b'"Infinity"'), 422, "refused"),
    "a huge exponent": ("deposit", with_amount(b"1e999999999"), 422, "refused"),
    "a huge number": ("deposit", with_amount(b"9" * 100_000), 422, "refused"),
    "a number in place of a text": ("open", with_owner(b"18446744073709551616"), 422, "refused"),
    "a lone surrogate": ("open", with_owner(rb'"\ud800"'), 400, "malformed"),
    "surrogates the wrong way round": ("open", with_owner(rb'"\udc00\ud800"'), 400, "malformed"),
    "UTF-8 that is none": ("open", with_owner(b'"\xff"'), 400, "malformed"),
    "surrogates in UTF-8": ("open", with_owner(b'"\xed\xa0\x80"'), 400, "malformed"),
    "a bare NUL": ("open", with_owner(b'"\x00"'), 400, "malformed"),
    "an escaped NUL": ("open", with_owner(rb'"\u0000"'), 422, "refused"),
    "a NUL in the key": ("open", ADA % rb"\u0000", 422, "refused"),
    "a line break in the key": ("open", ADA % rb"\n", 422, "refused"),
    "a key that is too long": ("open", ADA % (b"x" * 201), 422, "refused"),
    "null": ("open", b"null", 422, "refused"),
    "a key that is missing": ("open", b"{}", 422, "refused"),
}


async def test_no_body_is_the_servers_fault_and_none_of_these_is_accepted() -> None:
    async with served() as (client, runtime):
        found = {
            name: problem(await client.post(f"/commands/account.{command}", content=body, headers=JSON))
            for name, (command, body, _, _) in BODIES.items()
        }
        assert found == {name: (status, kind) for name, (_, _, status, kind) in BODIES.items()}
        assert runtime.readiness().log_end == 0
        assert (await client.post("/commands/account.open?wait=projected", json=json.loads(ADA % b"1"))).is_success


async def test_the_last_of_two_values_under_one_name_counts_and_is_the_one_that_is_stored() -> None:
    async with served() as (client, _):
        body = b'{"account":"1","owner":"Bo","owner":"Ada"}'
        await client.post("/commands/account.open?wait=handled", content=body, headers=JSON)
        (event,) = (await client.get("/streams/account-1")).json()["events"]
    assert event["event"] == {"owner": "Ada"}


def app_with_numbers() -> App:
    app = accounts_app()

    @app.query("numbers")
    async def numbers(db: ReadDb, whole: int = 0, part: float = 0.0) -> object:
        return [await db.value("SELECT ?", whole), await db.value("SELECT ?", part)]

    return app


TARGETS: dict[str, tuple[str, int, str]] = {
    "a NUL in an address": ("/%00", 404, "not-found"),
    "no UTF-8 in an address": ("/%ff%fe", 404, "not-found"),
    "dots": ("/queries/../readyz", 404, "not-found"),
    "an address with a slash at its end": ("/healthz/", 404, "not-found"),
    "two slashes": ("//healthz", 404, "not-found"),
    "a slash in a name": ("/queries/a%2Fb", 404, "not-found"),
    "a NUL in a name": ("/queries/%00", 404, "unknown-query"),
    "a NUL in an id": ("/outcomes/%00", 404, "unknown-outcome"),
    "a slash in an id": ("/outcomes/a%2Fb", 404, "unknown-outcome"),
    "a bare slash in an id": ("/outcomes/a/b", 404, "unknown-outcome"),
    "no UTF-8 in an id": ("/outcomes/%ed%a0%80", 404, "unknown-outcome"),
    "no id": ("/outcomes/", 404, "unknown-outcome"),
    "a long id": ("/outcomes/" + "x" * 60_000, 404, "unknown-outcome"),
    "a NUL in a stream": ("/streams/account-%00", 404, "unknown-stream"),
    "no stream": ("/streams/", 404, "unknown-stream"),
    "no key": ("/streams/account-", 404, "unknown-stream"),
    "a line break in a stream": ("/streams/account-%0A", 404, "unknown-stream"),
    "a version below zero": ("/streams/account-1?version=-1", 400, "malformed"),
    "a version past 64 bits": ("/streams/account-1?version=9223372036854775808", 400, "malformed"),
    "the last version that there may be": ("/streams/account-1?version=9223372036854775807", 404, "unknown-version"),
    "a version that is no number": ("/streams/account-1?version=one", 400, "malformed"),
    "a version and a time": ("/streams/account-1?version=1&at=2011-05-31T12:00:00Z", 400, "malformed"),
    "no page at all": ("/streams/account-1?limit=0", 400, "malformed"),
    "more than a page": ("/streams/account-1?limit=1001", 400, "malformed"),
    "no time": ("/streams/account-1?at=yesterday", 400, "malformed"),
    "a time without a zone": ("/streams/account-1?at=2011-05-31T12:00:00", 400, "malformed"),
    "a position past 64 bits": ("/queries/accounts?min_position=9223372036854775808", 400, "malformed"),
    "a wait that is no number": ("/queries/accounts?timeout=nan", 400, "malformed"),
    "a wait without an end": ("/queries/accounts?timeout=inf", 400, "malformed"),
    "a wait into the past": ("/queries/accounts?timeout=-1", 400, "malformed"),
    "a wait of a year": ("/queries/accounts?timeout=1e7", 400, "malformed"),
    "a parameter past 64 bits": ("/queries/numbers?whole=18446744073709551616", 422, "bad-parameters"),
    "a parameter below 64 bits": ("/queries/numbers?whole=-9223372036854775809", 422, "bad-parameters"),
    "a parameter of 100,000 digits": ("/queries/numbers?whole=" + "9" * 60_000, 422, "bad-parameters"),
    "a parameter that is no number": ("/queries/numbers?whole=NaN", 422, "bad-parameters"),
    "a parameter without a name": ("/queries/accounts?=1", 422, "bad-parameters"),
    "a parameter without a value": ("/queries/deposits_of?account", 200, ""),
    "ten thousand parameters": ("/queries/accounts?" + "&".join(f"p{n}" for n in range(10_000)), 422, "bad-parameters"),
    "no UTF-8 in a parameter": ("/queries/deposits_of?account=%ff", 200, ""),
    "a NUL in a parameter": ("/queries/deposits_of?account=%00", 200, ""),
    "a percent sign that means nothing": ("/queries/deposits_of?account=%zz%", 200, ""),
    "the least time that there is": ("/streams/account-1?at=0001-01-01T00:00:00%2B23:59", 200, ""),
    "the last time that there is": ("/streams/account-1?at=9999-12-31T23:59:59-23:59", 200, ""),
    "the other form of a target": ("http://127.0.0.1/healthz", 200, ""),
    "the other form of a target, for another host": ("http://evil.example/healthz", 200, ""),
}


async def test_no_target_is_the_servers_fault() -> None:
    async with served(app_with_numbers()) as (client, _), connected(client) as raw:
        await client.post("/commands/account.open?wait=handled", content=ADA % b"1", headers=JSON)
        found = {}
        for name, (target, _, _) in TARGETS.items():
            await raw.send(request(f"GET {target}", host=raw.host))
            answer = await raw.answer()
            found[name] = problem(answer) if answer.is_error else (answer.status_code, "")
        assert found == {name: (status, kind) for name, (_, status, kind) in TARGETS.items()}


async def test_a_wait_that_is_no_number_is_refused_before_the_command_is_taken() -> None:
    async with served() as (client, runtime):
        for timeout in ("nan", "inf", "-1", "3601", "", "1s"):
            answer = await client.post(
                "/commands/account.open", params={"timeout": timeout}, content=ADA % b"1", headers=JSON
            )
            assert problem(answer) == (400, "malformed")
        assert runtime.readiness().log_end == 0


IDS = ["a b", "a/b", "a?b#c", "%00", "../../x", "'; DROP TABLE outcomes --", "<script>", 'a"b', "\\", "~" * 200]


async def test_ids_with_odd_characters_are_found_again_as_they_were_given() -> None:
    async with served() as (client, _):
        for number, command_id in enumerate(IDS):
            headers = JSON | {"Idempotency-Key": command_id}
            body = ADA % str(number).encode()
            first = await client.post("/commands/account.open?wait=handled", content=body, headers=headers)
            assert first.json()["command_id"] == command_id
            found = await client.get("/outcomes/" + quote(command_id, safe=""))
            assert found.is_success, command_id
            assert found.json()["command_id"] == command_id


REFUSED_IDS = ["x" * 201, "a\tb", '""', "x" * 60_000]


async def test_ids_that_could_not_be_kept_are_refused() -> None:
    async with served() as (client, runtime):
        for command_id in REFUSED_IDS:
            for header in ("Idempotency-Key", "Correlation-Id"):
                headers = JSON | {header: command_id}
                answer = await client.post("/commands/account.open", content=ADA % b"1", headers=headers)
                assert problem(answer) == (400, "malformed"), (header, command_id)
        assert runtime.readiness().log_end == 0


@pytest.mark.parametrize("key", ["a b", "a/b", "a?b=c&d#e", "100%", "Åse", "a+b", "..", "-", "//"])
async def test_the_rest_of_a_stream_is_found_by_the_link_whatever_its_key_is(key: str) -> None:
    async with served() as (client, _):
        await client.post("/commands/account.open", json={"account": key, "owner": "Ada"})
        for _ in range(4):
            deposited = await client.post(
                "/commands/account.deposit?wait=handled", json={"account": key, "amount": "1"}
            )
        seen, link = [], f"/streams/{quote(deposited.json()['stream'], safe='')}?limit=2"
        while link:
            page = (await client.get(link)).json()
            seen += [event["version"] for event in page["events"]]
            link = page["next"]
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("measured", [True, False])
async def test_a_hundred_megabytes_are_refused_before_they_are_taken(measured: bool) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1 << 20
            yield b"x" * (1 << 20)

    headers = JSON | ({"Content-Length": str(100 << 20)} if measured else {})
    async with served() as (client, _):
        before = resident()
        answer = await client.post("/commands/account.open", content=body(), headers=headers)
        assert problem(answer) == (413, "too-large")
        assert resident() - before < 30 << 20
        assert (await client.get("/readyz")).status_code == 200


def resident() -> int:
    """Return how many bytes of memory this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


HOSTS = {
    "1234": 421,
    ":80": 421,
    "": 421,
    "127.0.0.1.evil.example": 421,
    "evil.example\r\nHost: 127.0.0.1": 400,
    "127.0.0.1\r\nHost: 127.0.0.1": 400,
    "LOCALHOST:1": 200,
}


async def test_no_host_is_the_servers_fault_and_two_are_none() -> None:
    async with served() as (client, _), connected(client) as raw:
        found = {}
        for host in HOSTS:
            await raw.send(request("GET /healthz", host=host))
            found[host] = (await raw.answer()).status_code
        assert found == HOSTS


async def test_long_parameters_are_not_kept() -> None:
    async with served() as (client, _):
        known = _known_options.cache_info().currsize
        for number in range(300):
            await client.get(f"/streams/account-1?at={number}{'x' * 50_000}")
        assert _known_options.cache_info().currsize == known
