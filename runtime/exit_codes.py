"""The exit codes of `twofold`: what a script or an init system may rely on."""

from enum import IntEnum

from ..actors.kernel.supervisor import CoreRoleFailed
from ..stores.errors import Corruption, DiskFull, Locked, SchemaTooNew, StorageFailed
from .config import ConfigError
from .signatures import RegistrationError

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """Each way in which a command of `twofold` ends."""

    DONE = 0
    NOT_DONE = 1  # verify found faults, a line got no answer or its handler failed, or what was asked for is not there
    USAGE = 2  # the command line is wrong (click's own)
    CONFIGURATION = 3  # config.toml, the environment or the domain is wrong
    LOCKED = 4  # another process has the data folder
    CORRUPTION = 5  # the data folder is damaged, or newer than this version
    STORAGE_FAILED = 6  # the device failed; start again once it is sound
    NO_SPACE = 7  # the device is full
    CORE_FAILED = 8  # a core role failed again and again
    INTERRUPTED = 130  # stopped by a signal, in order


_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (ConfigError, ExitCode.CONFIGURATION),
    (RegistrationError, ExitCode.CONFIGURATION),
    (Locked, ExitCode.LOCKED),
    (Corruption, ExitCode.CORRUPTION),
    (SchemaTooNew, ExitCode.CORRUPTION),
    (StorageFailed, ExitCode.STORAGE_FAILED),
    (DiskFull, ExitCode.NO_SPACE),
    (CoreRoleFailed, ExitCode.CORE_FAILED),
)


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the code with which a command ends that `error` ended."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.NOT_DONE)
