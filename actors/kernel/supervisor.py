"""The supervisor: keeps one actor a role alive, and knows when to stop trying.

One actor's failure touches no other. A failed actor is replaced after a backoff that doubles from failure to failure
while they come close together; more than `restarts` of them within `within` seconds end the trying. What happens then
depends on the role: a core role ends the whole tree, another one is halted and shown as such.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import anyio
import structlog
from anyio.abc import TaskStatus
from msgspec import Struct

from .actor import Actor
from .clock import Clock
from .mailbox import MailboxClosed
from .words import words_of

__all__ = ["CoreRoleFailed", "Halt", "RestartPolicy", "Role", "RoleState", "cause_of"]

RoleState: TypeAlias = Literal["starting", "running", "restarting", "halted", "stopped"]

_MOST_DOUBLINGS = 32  # past any backoff that is configured, and no number that a float cannot hold


class Halt(Exception):
    """Raised by an actor that no new start can help: its role is halted at once."""


class CoreRoleFailed(Exception):
    """A role without which no command is handled failed again and again."""

    def __init__(self, role: str, restarts: int, cause: BaseException) -> None:
        self.role, self.restarts, self.cause = role, restarts, cause
        super().__init__(
            f"The {role} failed after {restarts} restarts: {words_of(cause)}. "
            "Nothing that was accepted is lost; mend the cause and start again."
        )


class RestartPolicy(Struct, frozen=True):
    """How often and how fast a failed actor is replaced. Durations are in seconds."""

    backoff_first: float = 0.1
    backoff_longest: float = 5.0
    restarts: int = 5
    within: float = 60.0


class Role:
    """A place in the tree that one actor after another fills.

    Callers hold the role and never an actor, so a restart is invisible to them but for the messages that it lost.
    """

    def __init__(
        self,
        name: str,
        create: Callable[[], Actor[Any]],
        clock: Clock,
        *,
        core: bool,
        policy: RestartPolicy,
        fatal: tuple[type[BaseException], ...] = (),
        halted: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Make the role, with its first actor; `halted` is called with the reason once it is halted."""
        self.name = name
        self.state: RoleState = "starting"
        self.restarts = 0
        self.failure: BaseException | None = None
        self._create = create
        self._clock = clock
        self._core = core
        self._policy = policy
        self._fatal = fatal
        self._halted = halted
        self._failures: deque[float] = deque()
        self._stopping = False
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self.actor: Actor[Any] = create()

    def tell(self, message: object) -> None:
        """Put `message` into the present actor's mailbox, at once.

        Raises:
            MailboxFull: there is no room.
            MailboxClosed: no actor fills the role just now.
        """
        if self.state == "halted":
            raise MailboxClosed
        self.actor.mailbox.tell(message)

    async def send(self, message: object) -> None:
        """Put `message` into the present actor's mailbox, waiting for room where there is none.

        Raises:
            MailboxClosed: no actor fills the role just now.
        """
        if self.state == "halted":
            raise MailboxClosed
        await self.actor.mailbox.send(message)

    @property
    def ended(self) -> bool:
        """Whether no actor fills the role any more: it was stopped, halted, or has failed."""
        return self._ended.is_set()

    async def until_ended(self) -> None:
        """Return once no actor fills the role any more."""
        await self._ended.wait()

    async def until_ended_or(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Return once `wait` has, or no actor fills the role any more, so that it may never do."""
        async with anyio.create_task_group() as tasks:

            async def give_up() -> None:
                await self.until_ended()
                tasks.cancel_scope.cancel()

            tasks.start_soon(give_up)
            await wait()
            tasks.cancel_scope.cancel()

    async def live(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Fill the role until it is stopped; the task counts as started with the first actor's first phase.

        Raises:
            CoreRoleFailed: a core role is past its restart intensity.
            BaseException: one of the `fatal` errors, unchanged; for a core role, whatever its first start raised.
        """
        started_once = False

        def started() -> None:
            nonlocal started_once
            self.state = "running"
            if not started_once:
                started_once = True
                task_status.started()

        try:
            with self._scope:
                while not self._stopping:
                    try:
                        await self.actor.run(started)
                    except Exception as error:  # noqa: BLE001 - what to do with any failure is decided here
                        await self._after_failure(cause_of(error, self._fatal), started_once)
                        if self.state == "halted" or self._stopping:
                            break  # a new actor would take messages, and handle none
                        self.actor = self._create()
            if not started_once:
                task_status.started()
        finally:
            if self.state != "halted":
                self.state = "stopped"
            self._ended.set()

    async def stop(self) -> None:
        """Close the mailbox and return when the actor has handled what was inside."""
        self._stopping = True
        self.actor.mailbox.close()
        await self._ended.wait()

    def cancel(self) -> None:
        """End the present actor where it stands; I/O that it has begun is still finished."""
        self._stopping = True
        self._scope.cancel()

    async def _after_failure(self, error: BaseException, started_once: bool) -> None:
        self.failure = error
        if isinstance(error, self._fatal) or (self._core and not started_once):
            raise error
        now = self._clock.monotonic()
        self._failures.append(now)
        while now - self._failures[0] > self._policy.within:
            self._failures.popleft()
        log = structlog.get_logger("twofold")
        if isinstance(error, Halt) or len(self._failures) > self._policy.restarts:
            if self._core:
                raise CoreRoleFailed(self.name, self.restarts, error) from error
            self.state = "halted"
            if self._halted is not None:
                self._halted(error)
            log.error("role halted", role=self.name, cause=str(error) or words_of(error))
            return
        self.state = "restarting"
        self.restarts += 1
        doubled = self._policy.backoff_first * 2 ** min(len(self._failures) - 1, _MOST_DOUBLINGS)
        backoff = min(doubled, self._policy.backoff_longest)
        log.warning("role restarts", role=self.name, cause=words_of(error), backoff_seconds=backoff)
        await self._clock.sleep(backoff)


def cause_of(error: BaseException, fatal: tuple[type[BaseException], ...] = ()) -> BaseException:
    """Return what was raised inside the groups that task groups wrap around it: a `fatal` error first, else any."""
    while isinstance(error, BaseExceptionGroup):
        worst = error.subgroup(fatal) if fatal else None
        error = (worst or error).exceptions[0]
    return error
