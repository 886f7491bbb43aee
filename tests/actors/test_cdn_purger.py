"""Many effects become few calls, and each effect ends as the calls that carry its parts did."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twofold.actors.cdn_cloudflare import Cloudflare
from twofold.actors.cdn_directory import PURGES, PurgeDirectory
from twofold.actors.cdn_purger import MOST_HALVINGS, MOST_REMEMBERED, CdnPurger
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.cdn_zone import Zone
from twofold.actors.delivery import Delivered, Delivery, Paused, Refused, TryAgain
from twofold.actors.kernel.clock import SystemClock
from twofold.actors.purge import Purge
from twofold.stores.effect_records import EffectRecord
from twofold.stores.records import StreamId

from tests.doubles.cdn_stub import CdnStub, Play, answer, refused, taken

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

ZONE = Zone("https://shop.example")
SETTINGS = CdnSettings("cloudflare", "https://shop.example", "0" * 32, "not-a-real-token", calls_per_second=1000)


@pytest.fixture
async def stub() -> AsyncIterator[CdnStub]:
    async with CdnStub.running() as stub:
        yield stub


@pytest.fixture
async def purger(stub: CdnStub) -> AsyncIterator[CdnPurger]:
    cloudflare = Cloudflare(SETTINGS, SystemClock(), api=stub.url, private=True)
    purger = CdnPurger(ZONE, cloudflare, items_per_call=100)
    yield purger
    await purger.close()


def effect(name: str, purge: Purge | str) -> EffectRecord:
    payload = purge if isinstance(purge, str) else msgspec.json.encode(purge).decode()
    stream = StreamId(f"product-{name}")
    return EffectRecord(name, "product-pages", 1, 0, stream, payload, "sending", 1, None, None, 0)


def pages(*names: str) -> list[EffectRecord]:
    return [effect(name, Purge(urls=(f"/{name}",))) for name in names]


def paths(bodies: Sequence[dict[str, Any]]) -> list[list[str]]:
    return [[url.removeprefix("https://shop.example") for url in body["files"]] for body in bodies]


def kinds(ends: Sequence[Delivery]) -> list[type]:
    return [type(end) for end in ends]


def refuses(*bad: str) -> Any:
    """Return a judge that refuses each call that names one of `bad`."""

    def judge(body: dict[str, Any]) -> Play:
        names = {name for named in body.values() for name in named}
        return (
            refused(400, 1094, "bad item") if any(f"https://shop.example/{name}" in names for name in bad) else taken()
        )

    return judge


async def test_what_several_effects_name_is_sent_once_and_ends_all_of_them(stub: CdnStub, purger: CdnPurger) -> None:
    same = Purge(urls=("/a", "https://shop.example/a", "/b"))
    ends = await purger.deliver([effect("e1", same), effect("e2", same), *pages("b", "c")])
    assert paths(stub.bodies) == [["/a", "/b", "/c"]]
    assert ends == [Delivered('[{"id":"p1"}]')] * 4


async def test_calls_hold_one_kind_each_and_are_filled_to_the_limit(stub: CdnStub, purger: CdnPurger) -> None:
    stub.plays.extend(taken(f"p{number}") for number in range(1, 6))
    many = effect("many", Purge(urls=tuple(f"/{n}" for n in range(150)), tags=("t",), prefixes=("/p",)))
    few = effect("few", Purge(urls=tuple(f"/{n}" for n in range(140, 160)), hosts=("shop.example",)))
    ends = await purger.deliver([many, few])
    sent = [(kind, len(names)) for body in stub.bodies for kind, names in body.items()]
    assert sent == [("files", 100), ("files", 60), ("tags", 1), ("prefixes", 1), ("hosts", 1)]
    assert ends == [
        Delivered('[{"id":"p1"},{"id":"p2"},{"id":"p3"},{"id":"p4"}]'),
        Delivered('[{"id":"p2"},{"id":"p5"}]'),
    ]


async def test_effects_that_can_never_be_done_are_refused_and_the_others_go(stub: CdnStub, purger: CdnPurger) -> None:
    ends = await purger.deliver(
        [
            effect("no json", "{"),
            effect("no purge", '{"urls":["/a"],"everything":true}'),
            effect("empty", "{}"),
            effect("elsewhere", Purge(urls=("/fine", "https://evil.example/"))),
            *pages("a"),
        ]
    )
    assert kinds(ends) == [Refused, Refused, Refused, Refused, Delivered]
    assert paths(stub.bodies) == [["/a"]]


async def test_nothing_to_send_is_no_call(stub: CdnStub, purger: CdnPurger) -> None:
    assert await purger.deliver([]) == []
    assert kinds(await purger.deliver([effect("empty", "{}")])) == [Refused]
    assert stub.asked == []


async def test_a_bad_item_is_found_and_only_the_effects_that_name_it_are_refused(
    stub: CdnStub, purger: CdnPurger
) -> None:
    stub.judge = refuses("41")
    names = [str(number) for number in range(100)]
    ends = await purger.deliver([*pages(*names), effect("also", Purge(urls=("/x", "/41")))])
    assert [name for name, end in zip([*names, "also"], ends, strict=True) if not isinstance(end, Delivered)] == [
        "41",
        "also",
    ]
    assert ends[41] == ends[100] == Refused("The CDN refused https://shop.example/41: 400, 1094 bad item")
    # One call for the 100, two for each halving down to one, and one for the name beyond the 100.
    assert len(stub.asked) <= 1 + 2 * 7 + 1


async def test_the_search_for_bad_items_is_bounded_and_goes_on_with_the_next_attempt(
    stub: CdnStub, purger: CdnPurger
) -> None:
    names = [str(number) for number in range(100)]
    bad = {name for name in names if int(name) % 2}
    stub.judge = refuses(*bad)
    ended: dict[str, Delivery] = {}
    rounds = 0
    while len(ended) < len(names):
        rounds += 1
        asked = len(stub.asked)
        left = [name for name in names if name not in ended]
        ends = zip(left, await purger.deliver(pages(*left)), strict=True)
        ended |= {name: end for name, end in ends if not isinstance(end, TryAgain)}
        assert len(stub.asked) - asked <= 1 + 2 * MOST_HALVINGS
    assert {name for name, end in ended.items() if isinstance(end, Refused)} == bad
    assert rounds > 1


async def test_after_a_call_that_failed_no_more_are_made_and_their_effects_end_alike(
    stub: CdnStub, purger: CdnPurger
) -> None:
    stub.plays.extend([taken(), answer(429, b"", retry_after="9")])
    ends = await purger.deliver(
        [effect("a", Purge(urls=("/a",))), effect("b", Purge(tags=("b",), hosts=("shop.example",)))]
    )
    assert ends == [Delivered('[{"id":"p1"}]'), TryAgain("The CDN's API answered 429", after=9.0, slow_down=True)]
    assert len(stub.asked) == 2


async def test_denied_access_pauses_all_that_was_not_done(stub: CdnStub, purger: CdnPurger) -> None:
    stub.judge = lambda body: refused(403, 10000) if "tags" in body else taken()
    ends = await purger.deliver(
        [*pages("a"), effect("b", Purge(tags=("b",))), effect("c", Purge(hosts=("shop.example",)))]
    )
    assert kinds(ends) == [Delivered, Paused, Paused]


async def test_an_effect_with_a_bad_item_is_refused_though_another_part_may_yet_succeed(
    stub: CdnStub, purger: CdnPurger
) -> None:
    stub.plays.extend([refused(400, 1094, "bad item"), answer(503, b"")])
    assert kinds(await purger.deliver([effect("both", Purge(urls=("/bad",), tags=("t",)))])) == [Refused]


async def test_parts_that_were_done_are_not_sent_again(stub: CdnStub, purger: CdnPurger) -> None:
    both = effect("both", Purge(urls=("/a",), tags=("t",)))
    stub.plays.extend([taken("first"), answer(503, b"")])
    assert kinds(await purger.deliver([both])) == [TryAgain]
    stub.plays.append(taken("second"))
    assert await purger.deliver([both]) == [Delivered('[{"id":"first"},{"id":"second"}]')]
    assert stub.bodies == [{"files": ["https://shop.example/a"]}, {"tags": ["t"]}, {"tags": ["t"]}]


async def test_a_later_effect_is_sent_though_an_earlier_one_had_the_same_part_done(
    stub: CdnStub, purger: CdnPurger
) -> None:
    stub.plays.extend([taken(), answer(503, b"")])
    await purger.deliver([effect("both", Purge(urls=("/a",), tags=("t",)))])
    await purger.deliver(pages("a"))
    assert stub.bodies[2:] == [{"files": ["https://shop.example/a"]}]


async def test_an_effect_that_was_delivered_is_sent_whole_if_it_comes_again(stub: CdnStub, purger: CdnPurger) -> None:
    await purger.deliver(pages("a"))
    await purger.deliver(pages("a"))
    assert paths(stub.bodies) == [["/a"], ["/a"]]
    assert purger._done == {}


async def test_what_is_remembered_of_unfinished_effects_is_bounded(stub: CdnStub, purger: CdnPurger) -> None:
    stub.judge = lambda body: answer(503, b"") if "tags" in body else taken()
    for start in (0, 600):
        await purger.deliver([effect(f"e{n}", Purge(urls=("/a",), tags=("t",))) for n in range(start, start + 600)])
    assert len(purger._done) == MOST_REMEMBERED
    assert "e1199" in purger._done
    assert "e0" not in purger._done


async def test_the_directory_gets_the_calls_that_a_cdn_would_get(tmp_path: Path) -> None:
    purger = CdnPurger(ZONE, PurgeDirectory(tmp_path), items_per_call=2)
    ends = await purger.deliver(
        [effect("e1", Purge(urls=("/a", "/b", "/c"))), effect("e2", Purge(urls=("/a",), tags=("t",)))]
    )
    await purger.close()
    assert kinds(ends) == [Delivered, Delivered]
    assert [json.loads(line) for line in (tmp_path / PURGES).read_text().splitlines()] == [
        {"effects": ["e1", "e2"], "files": ["https://shop.example/a", "https://shop.example/b"]},
        {"effects": ["e1"], "files": ["https://shop.example/c"]},
        {"effects": ["e2"], "tags": ["t"]},
    ]
