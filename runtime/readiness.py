"""Whether a runtime does all that it is for, and how far it is: what a load balancer and an operator ask first."""

from collections.abc import Iterable

from msgspec import Struct

from ..actors.kernel.supervisor import Role
from ..actors.projector import told_outside
from ..stores.records import Offset, Position

__all__ = ["NOT_RUNNING", "Readiness", "troubles_of"]


class Readiness(Struct, frozen=True):
    """Whether commands are taken and queries answered as of now, and how far everything is."""

    ready: bool
    troubles: tuple[str, ...] = ()
    """What keeps commands or queries from being answered as they should be, a sentence each."""
    effects: tuple[str, ...] = ()
    """Which consumers of effects are halted or paused, and why: commands and queries go on without them."""
    log_end: Offset = 0
    handled: Offset = 0
    head: Position = 0
    projected: Position = 0


NOT_RUNNING = Readiness(ready=False, troubles=("The runtime is starting or stopping.",))


def troubles_of(roles: Iterable[Role]) -> list[str]:
    """Return what keeps each of `roles` from its work, a sentence for each that is kept from it."""
    troubles = []
    for role in roles:
        if role.state == "halted":
            troubles.append(f"The {role.name} is halted: {told_outside(role.failure)}")
        elif role.state != "running":
            troubles.append(f"The {role.name} is {role.state}.")
    return troubles
