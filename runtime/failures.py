"""What ends a runtime, what keeps it from starting, and what is raised where none is at work."""

from ..actors.kernel.supervisor import CoreRoleFailed, cause_of
from ..stores.errors import Corruption, StorageFailed, TwofoldError

__all__ = ["FATAL", "AddressInUse", "CoreFailed", "NotRunning", "failure_of"]

FATAL = (StorageFailed, Corruption, CoreRoleFailed)
"""What an actor raises that ends all of them."""


class CoreFailed(TwofoldError):
    """The validator or the command handler failed again and again, so the runtime has ended."""

    def __init__(self, failed: CoreRoleFailed) -> None:
        self.role, self.restarts, self.cause = failed.role, failed.restarts, failed.cause
        super().__init__(str(failed))


class AddressInUse(TwofoldError):
    """The server cannot listen where it is to."""

    def __init__(self, host: str, port: int, reason: object) -> None:
        self.host, self.port = host, port
        super().__init__(
            f"Nothing can listen on {host}, port {port}: {reason}. Stop what does, or set another port: "
            "[http] port, or TWOFOLD_HTTP__PORT."
        )


class NotRunning(TwofoldError):
    """The Runtime was called before its block was entered, or after it was left."""

    def __init__(self) -> None:
        super().__init__("The Runtime is not running. Use it inside `async with Runtime(app, config) as runtime`.")


def failure_of(group: BaseException) -> BaseException:
    """Return what is to be raised for the errors in `group`: what ends a runtime first, else any."""
    cause = cause_of(group, FATAL)
    return CoreFailed(cause) if isinstance(cause, CoreRoleFailed) else cause
