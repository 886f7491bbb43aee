"""The settings of the mailer, as a deployment gives them under ``[mail]``."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict

from ..stores.errors import TwofoldError
from .email import InvalidEmail, check_address
from .quantities import read_duration

__all__ = ["InvalidMailSettings", "MailSettings"]

PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port of each kind of connection."""


class InvalidMailSettings(TwofoldError):
    """The settings under ``[mail]`` do not fit together."""


class MailSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where mail goes.

    Raises:
        InvalidMailSettings: as it is made, where the settings do not fit together.
    """

    transport: Literal["directory", "smtp"] = "directory"
    """``directory`` writes each mail as a file into ``outbox/``; ``smtp`` sends it."""
    sender: Annotated[str | None, Meta(examples=["The Shop <shop@example.com>"])] = None
    """The From of an e-mail that names none. SMTP needs one."""
    host: Annotated[str | None, Meta(examples=["email-smtp.eu-west-1.amazonaws.com"])] = None
    """The SMTP server's name."""
    port: Annotated[Annotated[int, Meta(ge=1, le=65535)] | None, Meta(examples=[587])] = None
    """The SMTP server's port. By default 587 for ``starttls``, 465 for ``tls`` and 25 for ``none``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` is for a server on this machine only. With ``starttls``, one that does not offer it is sent nothing."""
    username: Annotated[str | None, Meta(examples=["the SMTP user"])] = None
    """The user to log in as, along with the password."""
    password: Annotated[str | None, Meta(extra={"secret": True}, examples=[{"env": "SMTP_PASSWORD"}])] = None
    """Where the password is: in the environment, a file that only its owner can read, or a credential of systemd."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 2
    """How many connections are kept open, and so how many mails are under way at once."""
    rate: Annotated[float, Meta(gt=0, le=10_000)] = 10.0
    """How many recipients a second are sent to. SES counts so: a mail to three counts as three."""
    timeout: Annotated[float, Meta(gt=0, le=3600, extra={"read": read_duration})] = 30.0
    """How long connecting may take, and then the answer to each command; a long mail has longer."""
    ca_file: Annotated[Path | None, Meta(examples=["mail-server.pem"])] = None
    """PEM certificates that alone vouch for the server, in the place of the machine's own."""

    def __post_init__(self) -> None:
        if self.sender is not None:
            try:
                check_address("sender", self.sender)
            except InvalidEmail as error:
                raise InvalidMailSettings(f"mail.sender {error.what}.") from None
        if self.transport == "smtp":
            self._check_smtp()

    @property
    def smtp_port(self) -> int:
        """The port, also where none is given."""
        return self.port or PORTS[self.security]

    def _check_smtp(self) -> None:
        if not self.host or not self.sender:
            raise InvalidMailSettings('mail.transport "smtp" needs mail.host and mail.sender. Give both.')
        if (self.username is None) != (self.password is None):
            raise InvalidMailSettings("mail.username and mail.password go together. Give both, or neither.")
        if self.security == "none" and not _is_this_machine(self.host):
            raise InvalidMailSettings(
                f'mail.security "none" would send mail and password in the clear to {self.host}. '
                'Use "starttls" or "tls"; "none" is for localhost, 127.0.0.1 or ::1.'
            )

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return all settings for showing, without the password."""
        hidden = {"password": "…"} if self.password is not None else {}
        return list({**asdict(self), **hidden}.items())

    def __repr__(self) -> str:
        return f"MailSettings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
