"""One connection to a mail server: opened, logged in, and used for one mail after another.

It speaks through aiosmtplib and turns all that can go wrong into `MailFailed`, with what it means for the mail. This
module alone imports aiosmtplib, and is itself imported only by what sends.
"""

import socket
import ssl
from asyncio import WriteTransport
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPRecipientRefused, SMTPResponseException

from .delivery import Paused, TryAgain
from .email import address_of
from .mail_message import Mail
from .mail_replies import ACCESS, THROTTLED, Stage, delivery_of, words_of
from .mail_report import MailFailed, MailReport
from .mail_settings import MailSettings

__all__ = ["SmtpConnection", "tls_context"]

SLOWEST_LINE = 32 << 10
"""Bytes a second that a mail's content is given at least: who gives up too early sends it twice."""
PATIENCE = 5.0
"""Seconds in which a server answers whether it is still there, and to a goodbye."""


def tls_context(settings: MailSettings) -> ssl.SSLContext | None:
    """Return what verifies the server: the certificates of `ca_file`, or else those of the machine.

    Raises:
        MailFailed: `ca_file` cannot be read; sending is paused.
    """
    if settings.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise MailFailed(Paused(f"mail.ca_file {settings.ca_file} cannot be used: {error}")) from error


class SmtpConnection:
    """A connection that is logged in. Only one mail at a time uses it."""

    def __init__(self, client: SMTP, settings: MailSettings) -> None:
        self._client = client
        self._timeout = settings.timeout
        self._server = f"{settings.host}:{settings.smtp_port}"
        self._own_sender = address_of(settings.sender or "")

    @classmethod
    async def open(cls, settings: MailSettings, tls: ssl.SSLContext | None) -> "SmtpConnection":
        """Connect, encrypt and log in, each step within the time limit.

        Raises:
            MailFailed: it did not come to that; nothing of any mail was sent.
        """
        client = SMTP(
            hostname=settings.host,
            port=settings.smtp_port,
            local_hostname=_own_name(),
            timeout=settings.timeout,
            use_tls=settings.security == "tls",
            start_tls=False,  # or aiosmtplib would do without where the server does not offer it
            tls_context=tls,
        )
        connection = cls(client, settings)
        try:
            with connection._ending("connecting"):
                await client.connect()
                await client.ehlo()
                if settings.security == "starttls":
                    await connection._encrypt()
                if settings.username is not None:
                    await client.login(settings.username, settings.password or "")
        except BaseException:
            connection.abort()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        """Whether it was not closed as far as is known; `is_alive` asks the server."""
        return self._client.is_connected

    async def is_alive(self) -> bool:
        """Ask a kept connection whether it can take the next mail; if not, it is closed."""
        if not self.is_open:
            return False
        try:
            await self._client.rset(timeout=min(PATIENCE, self._timeout))
        except (SMTPException, OSError):
            self.abort()
            return False
        return True

    async def send(self, mail: Mail) -> MailReport:
        """Send `mail` to all of its recipients that the server takes, in one transaction.

        Raises:
            MailFailed: none of them has it, or, where the connection broke behind the content, nobody knows.
        """
        size = [f"size={len(mail.content)}"] if self._client.supports_extension("size") else []
        with self._ending("sender"):
            await self._client.mail(mail.sender, options=size)
        taken, report = await self._offer(mail.recipients)
        if not taken:
            return report
        with self._ending("content"):
            patience = self._timeout + len(mail.content) / SLOWEST_LINE
            response = await self._client.data(mail.content, timeout=patience)
        accepted = dict.fromkeys(taken, words_of(response.code, response.message))
        return MailReport(accepted, report.refused, report.waiting, report.slow_down)

    async def quit(self) -> None:
        """Take leave; a server that does not answer is left all the same."""
        transport = self._client.transport
        try:
            await self._client.quit(timeout=PATIENCE)
        except (SMTPException, OSError):
            return  # no mail is under way, so nothing is lost
        finally:
            if transport is not None:
                cast("WriteTransport", transport).abort()

    def abort(self) -> None:
        """Close it at once, whatever is under way."""
        transport = self._client.transport
        self._client.close()
        if transport is not None:
            cast("WriteTransport", transport).abort()

    async def _encrypt(self) -> None:
        if not self._client.supports_extension("starttls"):
            raise MailFailed(
                Paused(f"{self._server} offers no STARTTLS, and nothing is sent in the clear. Check mail.port.")
            )
        await self._client.starttls()
        await self._client.ehlo()

    async def _offer(self, recipients: tuple[str, ...]) -> tuple[list[str], MailReport]:
        """Name the recipients to the server and return those it took, and what it said of the others."""
        taken: list[str] = []
        refused: dict[str, str] = {}
        waiting: dict[str, str] = {}
        throttled = False
        for recipient in recipients:
            try:
                with self._ending("recipients"):
                    await self._client.rcpt(recipient)
            except MailFailed as failed:
                reply = failed.__cause__
                if not isinstance(reply, SMTPRecipientRefused) or reply.code in ACCESS or not self.is_open:
                    raise
                words = words_of(reply.code, reply.message)
                (waiting if isinstance(failed.delivery, TryAgain) else refused)[recipient] = words
                throttled = throttled or reply.code in THROTTLED
            else:
                taken.append(recipient)
        return taken, MailReport({}, refused, waiting, throttled)

    @contextmanager
    def _ending(self, stage: Stage) -> Iterator[None]:
        """Turn what goes wrong inside into what it means for the mail."""
        try:
            yield
        except SMTPResponseException as error:
            if not 200 <= error.code < 600:
                self.abort()  # whoever answers so is no longer in step
            delivery = delivery_of(error.code, error.message, stage, self._own_sender)
            raise MailFailed(delivery) from error
        except OSError as error:  # aiosmtplib's disconnections and timeouts are among them
            self.abort()
            raise MailFailed(self._broken(error, stage)) from error
        except SMTPException as error:
            raise MailFailed(Paused(f"{self._server}: {error}")) from error

    def _broken(self, error: OSError, stage: Stage) -> Paused | TryAgain:
        """Return what a connection that cannot be used means.

        Once the content is on its way the mail itself may be why, and then it must not hold up all the others for
        ever: its attempts are counted, and `slow_down` is not said.
        """
        what = f"{self._server}, {stage}: {str(error) or 'timed out'}"
        if any(_is_lasting(each) for each in (error, error.__cause__)):
            return Paused(what)
        if stage == "content":
            return TryAgain(f"{what}. Whether it was taken is unknown")
        return TryAgain(what, slow_down=True)


def _is_lasting(error: BaseException | None) -> bool:
    """Tell whether TLS failed for a reason that does not pass: the certificate, or a port that speaks no TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    return isinstance(error, ssl.SSLError) and error.reason in {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"}


def _own_name() -> str:
    """Return how this machine greets. Its full name would have to be asked of the DNS, which may hang."""
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name and name else "localhost"
