"""A user's own consumer: called with the event, again and again until it returns."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import anyio
import msgspec
import pytest
from twofold import EventMeta, Undeliverable
from twofold.actors.delivery import Delivered, Delivery, Refused, TryAgain
from twofold.actors.function_deliverer import FunctionDeliverer
from twofold.stores.effect_records import EffectRecord
from twofold.stores.memory import MemoryEventStore
from twofold.stores.records import GENESIS, Commit, EventRecord

from tests.doubles.accounts import AccountOpened
from tests.doubles.consuming import NAME, sealed, with_consumer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

Function = Callable[[AccountOpened, EventMeta], Awaitable[None]]


async def delivered(function: Function, *, timeout: str = "30s", event: EventRecord | None = None) -> Delivery:
    store = MemoryEventStore()
    (made,) = sealed(GENESIS, "1") if event is None else [event]
    await store.commit(Commit([made], [], [], [], 0, 0))
    domain = with_consumer(function, timeout=timeout).domain()
    effect = EffectRecord("the-id", NAME, 1, 0, made.stream, "", "sending", 1, None, None, 0)
    (delivery,) = await FunctionDeliverer(domain, domain.effects[NAME], store).deliver([effect])
    return delivery


async def test_the_function_gets_the_event_its_meta_and_the_effect_id() -> None:
    seen: list[tuple[AccountOpened, str, str, int, str, datetime]] = []

    async def note(event: AccountOpened, meta: EventMeta) -> None:
        seen.append((event, meta.key, meta.type, meta.position, meta.effect_id, meta.time))

    assert await delivered(note) == Delivered()
    assert seen == [(AccountOpened("Ada"), "1", "account.opened", 1, "the-id", datetime(1970, 1, 1, tzinfo=UTC))]


async def test_what_the_function_raises_is_tried_again_and_undeliverable_is_not() -> None:
    async def fails(event: AccountOpened, meta: EventMeta) -> None:
        raise ConnectionError("no route")

    async def gives_up(event: AccountOpened, meta: EventMeta) -> None:
        raise Undeliverable("no such \udc80 address")

    assert await delivered(fails) == TryAgain("ConnectionError('no route')")
    assert await delivered(gives_up) == Refused("no such \\udc80 address")


async def test_a_call_that_takes_too_long_is_ended_and_tried_again() -> None:
    ended: list[bool] = []

    async def hangs(event: AccountOpened, meta: EventMeta) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    assert await delivered(hangs, timeout="1ms") == TryAgain(f"{NAME} took more than 0.001 s")
    assert ended == [True]


async def test_a_time_limit_of_the_functions_own_is_told_as_its_own() -> None:
    async def gives_up_early(event: AccountOpened, meta: EventMeta) -> None:
        raise TimeoutError("the bank did not answer")

    assert await delivered(gives_up_early) == TryAgain("TimeoutError('the bank did not answer')")


async def test_an_event_that_was_erased_meanwhile_is_not_handed_on() -> None:
    async def never(event: AccountOpened, meta: EventMeta) -> None:
        raise AssertionError

    (event,) = sealed(GENESIS, "1")
    assert await delivered(never, event=msgspec.structs.replace(event, data=None)) == Refused("the event was erased")
