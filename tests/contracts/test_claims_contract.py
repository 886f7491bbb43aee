"""How every event store keeps claims: a value has one holder, until that one releases it."""

import pytest
from twofold.stores.errors import ClaimTaken, CommitRefused
from twofold.stores.protocols import EventStore
from twofold.stores.records import ClaimChange, StateRecord

from tests.doubles.commits import AFTER_FIRST, FIRST, assert_only, batch, events_of

pytestmark = pytest.mark.anyio


async def test_a_value_that_another_stream_holds_is_refused_with_its_holder(store: EventStore) -> None:
    first = batch(0, 1, FIRST.events, (), FIRST.outcomes, [ClaimChange("email", "a@b.c", "order-1", True)])
    await store.commit(first)
    with pytest.raises(ClaimTaken) as refused:
        await store.commit(
            batch(
                1,
                2,
                events_of(AFTER_FIRST, ("order-2", 1)),
                claims=[ClaimChange("email", "a@b.c", "order-2", True)],
                states=[StateRecord("order-2", 1, "f", "{}")],
            )
        )
    assert (refused.value.name, refused.value.value, refused.value.holder) == ("email", "a@b.c", "order-1")
    await assert_only(store, first)


async def test_taking_what_the_stream_holds_is_no_change(store: EventStore) -> None:
    claim = ClaimChange("email", "a@b.c", "order-1", True)
    await store.commit(batch(0, 1, claims=[claim]))
    await store.commit(batch(1, 2, claims=[claim, claim]))
    assert await store.claim_holder("email", "a@b.c") == "order-1"


async def test_a_released_value_can_be_taken_in_the_same_commit(store: EventStore) -> None:
    await store.commit(batch(0, 1, claims=[ClaimChange("email", "a@b.c", "order-1", True)]))
    release, take = (ClaimChange("email", "a@b.c", "order-1", False), ClaimChange("email", "a@b.c", "order-2", True))
    await store.commit(batch(1, 2, claims=[release, take]))
    assert await store.claim_holder("email", "a@b.c") == "order-2"


async def test_claims_of_different_names_do_not_meet(store: EventStore) -> None:
    await store.commit(
        batch(0, 1, claims=[ClaimChange("email", "x", "order-1", True), ClaimChange("phone", "x", "order-2", True)])
    )
    assert (await store.claim_holder("email", "x"), await store.claim_holder("phone", "x")) == ("order-1", "order-2")


@pytest.mark.parametrize("holder", [None, "order-2"])
async def test_releasing_what_the_stream_does_not_hold_is_refused(store: EventStore, holder: str | None) -> None:
    await store.commit(batch(0, 1, claims=[ClaimChange("email", "x", holder, True)] if holder else []))
    with pytest.raises(CommitRefused):
        await store.commit(batch(1, 2, claims=[ClaimChange("email", "x", "order-1", False)]))
    assert await store.claim_holder("email", "x") == holder
    assert await store.cursor() == 1
