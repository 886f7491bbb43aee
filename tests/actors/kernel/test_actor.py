"""An actor lives in three phases, and answers everybody however it ends."""

import weakref
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
import pytest
from twofold.actors.kernel.actor import Actor
from twofold.actors.kernel.mailbox import MailboxClosed
from twofold.runtime.testing import VirtualClock

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


class Recorder(Actor[str]):
    def __init__(self, fault: Exception | None = None, companion_fault: Exception | None = None) -> None:
        super().__init__(VirtualClock(), mailbox=10, batch=2)
        self.seen: list[str] = []
        self.fault = fault
        self.companion_fault = companion_fault
        self.companion_ended = False

    def companions(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self.accompany,)

    async def accompany(self) -> None:
        if self.companion_fault is not None:
            raise self.companion_fault
        try:
            await anyio.sleep_forever()
        finally:
            self.companion_ended = True

    async def start(self) -> None:
        self.seen.append("start")

    async def handle(self, messages: Sequence[str]) -> None:
        self.seen.append("+".join(messages))
        if self.fault is not None:
            raise self.fault

    async def finish(self) -> None:
        self.seen.append("finish")

    def stop(self, unhandled: Sequence[str]) -> None:
        self.seen.append(f"stop with {'+'.join(unhandled) or 'none'}")


async def test_it_starts_handles_in_batches_finishes_and_stops() -> None:
    actor = Recorder()
    for message in "abc":
        actor.mailbox.tell(message)
    actor.mailbox.close()
    await actor.run(lambda: actor.seen.append("started"))
    assert actor.seen == ["start", "started", "a+b", "c", "finish", "stop with none"]
    assert actor.companion_ended


class Message:
    """One whose end is seen."""


class Quiet(Actor[Message]):
    async def handle(self, messages: Sequence[Message]) -> None:
        """Handle them, and keep none."""


async def test_a_message_is_let_go_once_it_is_handled_and_not_when_the_next_one_comes() -> None:
    actor = Quiet(VirtualClock(), mailbox=10, batch=2)
    message = Message()
    seen = weakref.ref(message)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(actor.run, lambda: None)
        actor.mailbox.tell(message)
        del message
        await turns()
        assert seen() is None
        actor.mailbox.close()


async def test_a_failure_passes_through_and_what_it_left_is_given_to_stop() -> None:
    actor = Recorder(fault=ValueError("broken"))
    for message in "abc":
        actor.mailbox.tell(message)
    with pytest.raises(ExceptionGroup) as raised:
        await actor.run(lambda: None)
    assert raised.group_contains(ValueError, match="broken")
    assert actor.seen == ["start", "a+b", "stop with c"]
    with pytest.raises(MailboxClosed):
        actor.mailbox.tell("d")


async def test_a_companion_that_fails_ends_the_actor() -> None:
    actor = Recorder(companion_fault=ValueError("lost the log"))
    with pytest.raises(ExceptionGroup) as raised:
        await actor.run(lambda: None)
    assert raised.group_contains(ValueError, match="lost the log")
    assert actor.seen == ["start", "stop with none"]


async def test_a_cancelled_actor_stops_too() -> None:
    actor = Recorder()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(actor.run, lambda: None)
        await turns()
        tasks.cancel_scope.cancel()
    assert actor.seen == ["start", "stop with none"]
