"""An answer is given once, and harms nobody when nobody waits for it any more."""

import asyncio
import gc
import weakref
from typing import Any

import anyio
import pytest
from twofold.actors.kernel.reply import Reply

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_only_the_first_answer_counts() -> None:
    reply: Reply[str] = Reply()
    reply.give("first")
    reply.give("second")
    reply.fail(ValueError("third"))
    assert await reply.wait() == "first"


async def test_an_error_in_place_of_an_answer_is_raised_where_it_is_awaited() -> None:
    reply: Reply[str] = Reply()
    reply.fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await reply.wait()


async def test_an_asker_who_has_gone_may_still_be_answered() -> None:
    reply: Reply[str] = Reply()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await reply.wait()
    reply.give("too late")
    assert reply.ended


async def test_a_second_asker_is_refused_before_the_answer_is_there() -> None:
    reply: Reply[str] = Reply()
    waiting = reply.wait()
    with pytest.raises(RuntimeError, match="once"):
        reply.wait()
    reply.give("first")
    assert await waiting == "first"


@pytest.mark.parametrize("is_late", [False, True])
async def test_an_answer_is_handed_to_who_is_to_be_called_with_it(is_late: bool) -> None:
    taken: list[object] = []
    error = ValueError("no")
    answered: Reply[str] = Reply()
    failed: Reply[str] = Reply()
    if not is_late:
        answered.then(taken.append)
        failed.then(taken.append)
    answered.give("first")
    failed.fail(error)
    if is_late:
        answered.then(taken.append)
        failed.then(taken.append)
    assert taken == [], "before the event loop turns"
    await turns()
    assert taken == ["first", error]
    for reply in (answered, failed):
        with pytest.raises(RuntimeError, match="once"):
            reply.wait()


class Answer:
    """One whose end is seen."""


@pytest.mark.parametrize("given_first", [True, False])
async def test_an_answer_is_taken_once_and_then_kept_no_longer(given_first: bool) -> None:
    reply: Reply[Answer] = Reply()
    taken = reply.wait() if not given_first else None
    reply.give(Answer())
    answer = await (taken or reply.wait())
    seen = weakref.ref(answer)
    with pytest.raises(RuntimeError, match="once"):
        reply.wait()
    assert reply.ended
    del taken, answer
    assert seen() is None


async def test_an_error_that_nobody_asks_for_any_more_is_no_complaint_of_the_event_loop() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    reply: Reply[str] = Reply()
    reply.fail(ValueError("unheard"))
    del reply
    gc.collect()
    assert complaints == []
