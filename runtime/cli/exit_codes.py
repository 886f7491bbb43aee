"""The exit codes of `twofold`: what a script or an init system may rely on."""

from enum import IntEnum
from typing import Self

from ...stores.errors import Corruption, DiskFull, FolderRefused, Locked, SchemaTooNew, StorageFailed
from ..backup import BackupRefused
from ..client.failures import NoSuchConsumer
from ..config import ConfigError
from ..effect_search import UnknownConsumerName
from ..failures import AddressInUse, CoreFailed
from ..signatures import RegistrationError

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """Each way in which a command of `twofold` ends, with what it means."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Make a code that knows its meaning."""
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    DONE = 0, "done"
    NOT_DONE = 1, "a fault was found, a line has no answer or its handler failed, or there is no such thing"
    USAGE = 2, "the command line is wrong"
    CONFIGURATION = 3, "the settings or the domain are wrong"
    LOCKED = 4, "another process has the data folder"
    CORRUPTION = 5, "the data folder is damaged, or newer than this version"
    STORAGE_FAILED = 6, "the device failed"
    NO_SPACE = 7, "the device is full"
    CORE_FAILED = 8, "the validator or the command handler failed again and again"
    ADDRESS_IN_USE = 9, "nothing can listen on the address that is set"
    INTERRUPTED = 130, "stopped by a signal, in order"


_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (BackupRefused, ExitCode.USAGE),
    (UnknownConsumerName, ExitCode.USAGE),
    (NoSuchConsumer, ExitCode.USAGE),
    (ConfigError, ExitCode.CONFIGURATION),
    (RegistrationError, ExitCode.CONFIGURATION),
    (FolderRefused, ExitCode.CONFIGURATION),
    (PermissionError, ExitCode.CONFIGURATION),
    (Locked, ExitCode.LOCKED),
    (Corruption, ExitCode.CORRUPTION),
    (SchemaTooNew, ExitCode.CORRUPTION),
    (StorageFailed, ExitCode.STORAGE_FAILED),
    (DiskFull, ExitCode.NO_SPACE),
    (CoreFailed, ExitCode.CORE_FAILED),
    (AddressInUse, ExitCode.ADDRESS_IN_USE),
)


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the code with which a command ends that `error` ended."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.NOT_DONE)
