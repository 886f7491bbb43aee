"""A failed actor is replaced after a backoff, so often and no more; what then happens depends on its role."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from twofold.actors.kernel.actor import Actor
from twofold.actors.kernel.mailbox import MailboxClosed
from twofold.actors.kernel.supervisor import CoreRoleFailed, Halt, RestartPolicy, Role, cause_of
from twofold.runtime.testing import VirtualClock

from tests.doubles.waiting import turns, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


class Worker(Actor[Any]):
    """Raises each exception that it is told, and notes what else it is told."""

    def __init__(self, clock: VirtualClock, seen: list[Any]) -> None:
        super().__init__(clock, mailbox=10, batch=1)
        self.seen = seen

    async def handle(self, messages: Sequence[Any]) -> None:
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            self.seen.append(message)


_POLICY = RestartPolicy()


class Tree:
    def __init__(self, *, core: bool, policy: RestartPolicy = _POLICY, **more: Any) -> None:
        self.clock = VirtualClock()
        self.seen: list[Any] = []
        self.role = Role(
            "worker",
            lambda: Worker(self.clock, self.seen),
            self.clock,
            core=core,
            policy=policy,
            **more,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Role]:
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.role.live)
            yield self.role
            tasks.cancel_scope.cancel()

    async def fail_and_restart(self, backoff: float) -> None:
        before = self.role.restarts
        self.role.tell(ValueError("broken"))
        await until(lambda: self.role.restarts > before)
        await turns()
        self.clock.advance(backoff * 0.99)
        await turns()
        assert self.role.state == "restarting", "the backoff is not over"
        self.clock.advance(backoff * 0.01 + 1e-9)
        await until(lambda: self.role.state == "running")


async def test_a_failed_actor_is_replaced_after_a_backoff_that_doubles_up_to_its_bound() -> None:
    tree = Tree(core=True, policy=RestartPolicy(backoff_first=1.0, backoff_longest=4.0, restarts=10, within=1000.0))
    async with tree.running() as role:
        first = role.actor
        for backoff in (1.0, 2.0, 4.0, 4.0):
            await tree.fail_and_restart(backoff)
        assert role.actor is not first
        role.tell("on")
        await until(lambda: tree.seen == ["on"])
        assert (role.restarts, str(role.failure)) == (4, "broken")


async def test_the_new_actor_has_a_fresh_mailbox_and_none_is_there_meanwhile() -> None:
    tree = Tree(core=True)
    async with tree.running() as role:
        role.tell(ValueError("broken"))
        role.tell("lost with the old mailbox")
        await until(lambda: role.state == "restarting")
        with pytest.raises(MailboxClosed):
            role.tell("nobody takes this")
        await turns()
        tree.clock.advance(1)
        await until(lambda: role.state == "running")
        role.tell("kept")
        await until(lambda: tree.seen)
        assert tree.seen == ["kept"]


async def test_a_role_that_is_stopped_while_it_waits_to_be_filled_takes_no_message_any_more() -> None:
    tree = Tree(core=True)
    async with tree.running() as role:
        role.tell(ValueError("broken"))
        await until(lambda: role.state == "restarting")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(role.stop)
            await turns()
            tree.clock.advance(1)
        assert role.state == "stopped"
        with pytest.raises(MailboxClosed):
            role.tell("nobody takes this")


async def test_a_core_role_past_its_restart_intensity_ends_the_tree_with_the_cause() -> None:
    tree = Tree(core=True, policy=RestartPolicy(backoff_first=1.0, restarts=2, within=60.0))
    with pytest.raises(ExceptionGroup) as raised:  # noqa: PT012 - the failure comes out of the block
        async with tree.running() as role:
            await tree.fail_and_restart(1.0)
            await tree.fail_and_restart(2.0)
            role.tell(ValueError("the last straw"))
            await anyio.sleep_forever()
    failure = cause_of(raised.value, (CoreRoleFailed,))
    assert isinstance(failure, CoreRoleFailed)
    assert (failure.role, failure.restarts, str(failure.cause)) == ("worker", 2, "the last straw")


async def test_failures_that_lie_far_apart_are_forgotten() -> None:
    tree = Tree(core=True, policy=RestartPolicy(backoff_first=1.0, restarts=1, within=60.0))
    async with tree.running():
        for _ in range(5):
            await tree.fail_and_restart(1.0)
            tree.clock.advance(61)


async def test_another_role_past_its_restart_intensity_is_halted_and_the_tree_goes_on() -> None:
    told: list[BaseException] = []
    tree = Tree(core=False, policy=RestartPolicy(backoff_first=1.0, restarts=1, within=60.0), halted=told.append)
    async with tree.running() as role:
        await tree.fail_and_restart(1.0)
        role.tell(ValueError("hopeless"))
        await role.until_ended()
        assert (role.state, [str(each) for each in told]) == ("halted", ["hopeless"])
        with pytest.raises(MailboxClosed):
            role.tell("nobody is there")


async def test_an_actor_that_halts_is_not_started_again() -> None:
    tree = Tree(core=False)
    with capture_logs() as logged:
        async with tree.running() as role:
            role.tell(Halt("no new start can help"))
            await role.until_ended()
            assert (role.state, role.restarts) == ("halted", 0)
    said = {"event": "role halted", "role": "worker", "cause": "no new start can help", "log_level": "error"}
    assert logged == [said], "the cause alone says what to do next"


async def test_a_fatal_error_is_never_tried_again_and_passes_unchanged() -> None:
    tree = Tree(core=False, fatal=(OSError,))
    with pytest.raises(ExceptionGroup) as raised:  # noqa: PT012 - the failure comes out of the block
        async with tree.running() as role:
            role.tell(ExceptionGroup("two", [ValueError("by the way"), OSError("the disk")]))
            await anyio.sleep_forever()
    assert str(cause_of(raised.value, (OSError,))) == "the disk"
    assert tree.role.restarts == 0


async def test_stopping_handles_first_what_is_in_the_mailbox() -> None:
    tree = Tree(core=True)
    async with tree.running() as role:
        for number in range(5):
            role.tell(number)
        await role.stop()
        assert (tree.seen, role.state) == ([0, 1, 2, 3, 4], "stopped")


async def test_very_many_restarts_do_not_overflow_the_backoff() -> None:
    tree = Tree(core=True, policy=RestartPolicy(backoff_first=0.1, backoff_longest=0.2, restarts=5000, within=1e9))
    async with tree.running() as role:
        role._failures.extend([0.0] * 2000)
        await tree.fail_and_restart(0.2)
