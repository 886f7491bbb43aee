"""What an operator sees of a role."""

from msgspec import Struct

from .kernel.supervisor import Role, RoleState

__all__ = ["RoleStatistics", "statistics_of"]


class RoleStatistics(Struct, frozen=True):
    """A role at one moment."""

    role: str
    state: RoleState
    restarts: int
    failure: str | None
    """Why it was restarted or halted last."""
    mailbox: int
    """Messages waiting in the mailbox."""
    mailbox_capacity: int
    cursor: int
    """How far it has come: an offset for the handler, a position for the projector."""
    lag: int
    """How many commands or events it is behind its source."""
    lag_seconds: float
    """How long ago the oldest of those that it has in hand was made."""
    per_second: float
    """Messages handled a second, over the last ten seconds."""
    next_attempt: float | None = None
    """Of a consumer of effects: in how many seconds it makes its next attempt; ``None`` where it makes none."""


def statistics_of(role: Role, source_end: int) -> RoleStatistics:
    """Return what `role` shows, its source ending at `source_end`."""
    actor = role.actor
    lag = max(0, source_end - actor.cursor)
    waited = actor.clock.now() - actor.oldest if lag and actor.oldest else 0
    return RoleStatistics(
        role.name,
        role.state,
        role.restarts,
        None if role.failure is None else str(role.failure),
        len(actor.mailbox),
        actor.mailbox.capacity,
        actor.cursor,
        lag,
        max(0, waited) / 1_000_000,
        actor.meter.rate(),
    )
