"""Messages of a source come into a mailbox at once where somebody waits for them, and else in larger parts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf
from operator import pos
from time import monotonic

import anyio
import pytest
from twofold.actors.kernel import following
from twofold.actors.kernel.demand import Demand
from twofold.actors.kernel.following import Gathering, follow
from twofold.actors.kernel.mailbox import Mailbox
from twofold.actors.kernel.watermark import Watermark

from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

AN_HOUR = 3600.0


class Numbers:
    """A source of the numbers from 1 on, as far as they have been made; and a mailbox that follows it."""

    def __init__(self) -> None:
        self.made = Watermark()
        self.mailbox: Mailbox[int] = Mailbox(100)
        self.demand = Demand()

    async def wait(self, after: int) -> None:
        await self.made.reach(after + 1)

    async def read(self, after: int, limit: int) -> Sequence[int]:
        return range(after + 1, min(after + limit, self.made.value) + 1)

    @asynccontextmanager
    async def followed(self, gathering: Gathering | None, *, limit: int = 10) -> AsyncIterator[None]:
        """Follow them for as long as the block lasts."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow, self, self.mailbox, 0, limit, pos, gathering)
            yield
            tasks.cancel_scope.cancel()

    async def come(self, last: int) -> list[int]:
        """Make all numbers up to `last`, and return what is in the mailbox after a while."""
        self.made.rise(last)
        await turns()
        return await self.mailbox.receive(100) if len(self.mailbox) else []


async def test_the_first_one_is_handed_on_at_once() -> None:
    numbers = Numbers()
    async with numbers.followed(Gathering(numbers.demand, AN_HOUR)):
        assert await numbers.come(1) == [1]


async def test_what_nobody_waits_for_gathers_until_somebody_does() -> None:
    numbers = Numbers()
    async with numbers.followed(Gathering(numbers.demand, AN_HOUR)):
        await numbers.come(1)
        assert await numbers.come(2) == []
        assert await numbers.come(3) == []
        numbers.demand.rise()
        assert await numbers.come(3) == [2, 3]


async def test_nothing_gathers_while_somebody_waits() -> None:
    numbers = Numbers()
    async with numbers.followed(Gathering(numbers.demand, AN_HOUR)):
        numbers.demand.rise()
        assert [await numbers.come(number) for number in (1, 2, 3)] == [[1], [2], [3]]


async def test_what_nobody_waits_for_is_handed_on_after_a_moment_all_the_same() -> None:
    numbers = Numbers()
    async with numbers.followed(Gathering(numbers.demand, 0.001)):
        received = list[int]()
        for last in (1, 2, 3):
            numbers.made.rise(last)
            while last not in received:
                received += await numbers.mailbox.receive(1)
    assert received == [1, 2, 3]


@pytest.mark.parametrize("fast", [1, inf])
async def test_messages_gather_for_longer_while_they_come_fast(monkeypatch: pytest.MonkeyPatch, fast: float) -> None:
    monkeypatch.setattr(following, "GATHERING_MANY", AN_HOUR)
    monkeypatch.setattr(following, "FAST", fast)
    numbers = Numbers()
    async with numbers.followed(Gathering(numbers.demand, 0.001), limit=100):
        numbers.demand.rise()
        assert await numbers.come(1) == [1]
        assert len(await numbers.come(91)) == 90
        numbers.demand.fall()
        numbers.made.rise(92)
        if fast != inf:
            much_later = monotonic() + 0.03
            await until(lambda: monotonic() > much_later)
            assert len(numbers.mailbox) == 0
            numbers.demand.rise()
        assert await numbers.mailbox.receive(1) == [92]


async def test_more_than_one_part_holds_goes_on_without_gathering() -> None:
    numbers = Numbers()
    async with numbers.followed(Gathering(numbers.demand, AN_HOUR), limit=2):
        assert await numbers.come(5) == [1, 2, 3, 4, 5]


async def test_without_a_gathering_each_is_handed_on_as_it_comes() -> None:
    numbers = Numbers()
    async with numbers.followed(None):
        assert [await numbers.come(number) for number in (1, 2, 3)] == [[1], [2], [3]]


async def test_what_finds_no_room_is_handed_on_once_there_is_some() -> None:
    numbers = Numbers()
    numbers.mailbox = Mailbox(2)
    async with numbers.followed(None):
        numbers.made.rise(5)
        received = list[int]()
        while len(received) < 5:
            received += await numbers.mailbox.receive(1)
    assert received == [1, 2, 3, 4, 5]
