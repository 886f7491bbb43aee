"""A mailbox is bounded, keeps the order, and leaves no sender behind."""

from itertools import count

import anyio
import pytest
from anyio.lowlevel import checkpoint
from twofold.actors.kernel.mailbox import TURNS, Mailbox, MailboxClosed, MailboxFull

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def test_messages_are_received_in_the_order_in_which_they_were_told() -> None:
    mailbox: Mailbox[int] = Mailbox(10)
    for message in range(5):
        mailbox.tell(message)
    assert [await mailbox.receive(3), await mailbox.receive(3)] == [[0, 1, 2], [3, 4]]


async def test_a_full_mailbox_refuses_at_once_and_takes_again_after_a_receive() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    mailbox.tell(1)
    mailbox.tell(2)
    with pytest.raises(MailboxFull):
        mailbox.tell(3)
    await mailbox.receive(1)
    mailbox.tell(3)
    assert await mailbox.receive(9) == [2, 3]


async def test_every_sender_that_waits_for_room_gets_its_turn() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    received: list[int] = []
    async with anyio.create_task_group() as tasks:
        for message in range(5):
            tasks.start_soon(mailbox.send, message)
        with anyio.fail_after(5):
            while len(received) < 5:
                await turns()  # so that several senders wait at once
                received += await mailbox.receive(1)
    assert sorted(received) == [0, 1, 2, 3, 4]


async def test_many_messages_are_put_in_as_room_comes_up_beside_another_sender() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    received: list[int] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mailbox.send_all, [1, 2, 3, 4, 5])
        await turns()
        tasks.start_soon(mailbox.send, 99)
        with anyio.fail_after(5):
            while len(received) < 6:
                await turns()
                assert len(mailbox) <= 2
                received += await mailbox.receive(2)
    assert [message for message in received if message != 99] == [1, 2, 3, 4, 5]


async def test_a_closed_mailbox_gives_what_is_inside_and_then_nothing() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    mailbox.tell(1)
    mailbox.close()
    with pytest.raises(MailboxClosed):
        mailbox.tell(2)
    assert await mailbox.receive(5) == [1]
    assert await mailbox.receive(5) == []


async def test_closing_wakes_the_receiver_and_every_waiting_sender() -> None:
    empty: Mailbox[int] = Mailbox(1)
    full: Mailbox[int] = Mailbox(1)
    full.tell(0)
    refused: list[int] = []

    async def send(message: int) -> None:
        try:
            await full.send(message)
        except MailboxClosed:
            refused.append(message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, 1)
        tasks.start_soon(send, 2)
        tasks.start_soon(empty.receive, 1)
        await turns()
        full.close()
        empty.close()
    assert refused == [1, 2]


async def test_what_is_abandoned_is_handed_back_to_be_answered() -> None:
    mailbox: Mailbox[int] = Mailbox(3)
    mailbox.tell(1)
    mailbox.tell(2)
    assert mailbox.abandon() == [1, 2]
    assert mailbox.closed
    await checkpoint()


async def come(mailbox: Mailbox[int], number: int, apart: int) -> None:
    """Tell so many messages, so many turns of the event loop apart."""
    for message in range(number):
        mailbox.tell(message)
        for _ in range(apart):
            await checkpoint()


async def test_messages_that_come_close_behind_each_other_are_gathered() -> None:
    mailbox: Mailbox[int] = Mailbox(100)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come, mailbox, 6, TURNS - 1)
        assert await mailbox.receive_gathered(100, 3600) == [0, 1, 2, 3, 4, 5]


async def test_a_message_that_comes_later_is_not_waited_for() -> None:
    mailbox: Mailbox[int] = Mailbox(100)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come, mailbox, 2, TURNS + 2)
        assert await mailbox.receive_gathered(100, 3600) == [0]
        assert await mailbox.receive_gathered(100, 3600) == [1]


async def test_no_more_messages_are_gathered_than_are_asked_for() -> None:
    mailbox: Mailbox[int] = Mailbox(1000)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come, mailbox, 1000, 1)
        assert await mailbox.receive_gathered(3, 3600) == [0, 1, 2]
        assert len(mailbox) < TURNS, "and no more are waited for"
        tasks.cancel_scope.cancel()


async def test_messages_are_not_gathered_for_longer_than_is_said_however_many_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = count(step=0.01)  # each turn takes so long
    monkeypatch.setattr("twofold.actors.kernel.mailbox.monotonic", lambda: next(clock))
    mailbox: Mailbox[int] = Mailbox(1000)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come, mailbox, 1000, 1)
        gathered = await mailbox.receive_gathered(1000, 0.055)
        tasks.cancel_scope.cancel()
    assert gathered == [0, 1, 2, 3, 4, 5]


async def test_a_closed_mailbox_gathers_what_is_inside_and_then_nothing() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    mailbox.tell(1)
    mailbox.close()
    assert await mailbox.receive_gathered(5, 3600) == [1]
    assert await mailbox.receive_gathered(5, 3600) == []
