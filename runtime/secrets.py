"""Secrets: values that a setting refers to, and that no file of settings, log, page or error ever shows.

A setting of the type `Secret` is written as one of

    password = { env = "SMTP_PASSWORD" }         # a variable of the environment
    password = { file = "smtp-password" }        # a file that only its owner can read, from the settings' folder
    password = { credential = "smtp-password" }  # a credential that systemd passes to the service

and is never the value itself, so that the settings may be copied, shown and kept under version control.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, final

from ..stores.errors import TwofoldError

__all__ = ["Secret", "SecretError", "read_secret"]

LARGEST = 64 * 1024
"""Bytes. What is longer is no password or token, but the wrong file."""


class SecretError(TwofoldError):
    """A secret is not where the settings say, or others can read it. The message never holds its value."""


@final
class Secret:
    """A value that shows itself only to who calls `reveal`."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source
        """Where the value came from: what may be shown of it."""

    def reveal(self) -> str:
        """Return the value. Hand it to who needs it at once; keep and show the secret instead."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.source})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not to be copied out of the process. Pass where it is found instead.")


def read_secret(reference: object, environ: Mapping[str, str], folder: Path) -> Secret:
    """Return the secret that `reference` leads to: a table of one key, ``env``, ``file`` or ``credential``.

    A relative ``file`` starts from `folder`. One line break at the end is not part of the value.

    Raises:
        SecretError: the reference leads nowhere, or to a file that others than its owner can read.
    """
    match reference:
        case {"env": str(name), **rest} if not rest:
            return _secret(_variable(name, environ), f"env {name}")
        case {"file": str(name), **rest} if not rest:
            file = folder / name
            return _secret(_read(file, private=True), f"file {file}")
        case {"credential": str(name), **rest} if not rest:
            return _secret(_read(_credential(name, environ), private=False), f"credential {name}")
    raise SecretError('Expected { env = "NAME" }, { file = "path" } or { credential = "name" }; never the value itself')


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise SecretError(f"The variable {name} is not in the environment. Set it, or name another")
    return environ[name]


def _credential(name: str, environ: Mapping[str, str]) -> Path:
    if name in {"", ".", ".."} or "/" in name:
        raise SecretError(f"{name!r} is no name of a credential. Write the one that LoadCredential= gives it")
    if "CREDENTIALS_DIRECTORY" not in environ:
        raise SecretError(f"No credential {name}: systemd passed none. Add LoadCredential={name}:… to the unit")
    return Path(environ["CREDENTIALS_DIRECTORY"]) / name


def _read(file: Path, *, private: bool) -> str:
    """Return the text of `file`. systemd guards its credentials by their folder, so their mode is its own affair."""
    try:
        with open(file, "rb", opener=_without_waiting) as opened:
            # The mode is that of the file that was opened: a name may be given to another one meanwhile.
            mode = os.fstat(opened.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SecretError(f"{file} is no plain file")
            if private and mode & 0o077:
                exact = f"{stat.S_IMODE(mode):04o}"
                raise SecretError(f"{file} is open to others than its owner (mode {exact}). Run: chmod 600 {file}")
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise SecretError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise SecretError(f"{file} is larger than {LARGEST} bytes. Name the file that holds the secret alone")
    try:
        return content.decode()
    except UnicodeDecodeError:
        # The cause would show the bytes.
        raise SecretError(f"{file} is no UTF-8 text") from None


def _without_waiting(name: str, flags: int) -> int:
    """Open `name` so that a pipe does not wait for somebody to write to it."""
    return os.open(name, flags | os.O_NONBLOCK)


def _secret(text: str, source: str) -> Secret:
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SecretError(f"The secret from {source} is empty")
    return Secret(value, source)
